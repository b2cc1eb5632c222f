"""API tokens, as their owners and the owners of apps see them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from picloud.domain.page import Page
from picloud.domain.token import Token
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import KeysetConnection, connect
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.nodes import Node
from picloud.manager.graphql.people import UserView, author_of

if TYPE_CHECKING:
    from picloud.manager.graphql.scripts import AppView, ScriptView


LazyApp = Annotated["AppView", strawberry.lazy("picloud.manager.graphql.scripts")]
LazyScript = Annotated["ScriptView", strawberry.lazy("picloud.manager.graphql.scripts")]


@strawberry.enum(description="What a token is for. `DEPLOY`, `LOGS` and `ADMIN` include `READ`.")
class TokenScope(Enum):
    """As `picloud.domain.user.Scope`."""

    READ = strawberry.enum_value("read", description="Reading what its user may read, logs aside.")
    DEPLOY = strawberry.enum_value(
        "deploy", description="Deploying, and changing settings, env, secrets and routes."
    )
    INVOKE = strawberry.enum_value("invoke", description="Calling what is not public.")
    LOGS = strawberry.enum_value("logs", description="Reading logs, invocations and sources.")
    ADMIN = strawberry.enum_value(
        "admin", description="Members, tokens, apps as a whole, the audit log; users for admins."
    )


@strawberry.type(
    name="Token", description="A machine credential; what it is sent as is shown once, when made."
)
class TokenView(Node):
    """A token."""

    token: strawberry.Private[Token]

    @classmethod
    def of(cls, token: Token) -> TokenView:
        """The view of a token."""
        return cls(token=token)

    def key(self) -> UUID:
        """The token's id."""
        return self.token.id

    @fields.field(description="The id as the audit log has it, in its `credentialId`.")
    def token_id(self) -> str:
        """A UUID."""
        return str(self.token.id)

    @fields.field(description="What its user calls it.")
    def name(self) -> str:
        """Unique among a user's tokens."""
        return self.token.name

    @fields.field(description="What it is for.")
    def scopes(self) -> list[TokenScope]:
        """At least one."""
        return [TokenScope[scope.name] for scope in sorted(self.token.scopes)]

    @fields.field(description="Whose it is: it acts with the roles this user has.")
    async def user(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.token.user_id)

    @fields.field(description="The only app it is for; null: every app.")
    async def app(self, info: Info) -> LazyApp | None:
        """The app."""
        from picloud.manager.graphql.scripts import AppView

        app = await info.context.reading.app(self.token.app_id) if self.token.app_id else None
        return AppView(app=app) if app else None

    @fields.field(description="The only script it is for; null: every script.")
    async def script(self, info: Info) -> LazyScript | None:
        """The script."""
        from picloud.manager.graphql.scripts import ScriptView

        key = self.token.script_id
        script = await info.context.reading.script(key) if key else None
        return ScriptView.of(script) if script else None

    @fields.field(description="When it was made.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.token.created_at

    @fields.field(description="When it runs out; null: never.")
    def expires_at(self) -> datetime | None:
        """The moment."""
        return self.token.expires_at

    @fields.field(description="When it was last used, to the minute; null: never.")
    def last_used_at(self) -> datetime | None:
        """The moment."""
        return self.token.last_used_at


def connect_tokens(page: Page[Token]) -> KeysetConnection[TokenView]:
    """A page of tokens as a connection."""
    return connect(page, cursors.BY_ID, key=lambda token: token.id, view=TokenView.of)
