"""What an app gives to its scripts, in the schema."""

from __future__ import annotations

from datetime import datetime

import strawberry

from picloud.domain.app import App
from picloud.domain.environment import EnvVariable, Secret
from picloud.domain.page import PageRequest
from picloud.domain.script import Script
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import KeysetConnection, connect
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import EgressMode
from picloud.manager.graphql.people import UserView, author_of
from picloud.store.app_settings import Egress

MASK = "••••"


@strawberry.type(name="EnvVariable", description="A name and a value that an app gives to scripts.")
class EnvVariableView:
    """An env variable."""

    variable: strawberry.Private[EnvVariable]

    @classmethod
    def of(cls, variable: EnvVariable) -> EnvVariableView:
        """The view of a variable."""
        return cls(variable=variable)

    @fields.field(description="The name, unique within its app or script.")
    def name(self) -> str:
        """Upper case."""
        return self.variable.name

    @fields.field(description="The value; null if you may only see the name.")
    async def value(self, info: Info) -> str | None:
        """The value."""
        return await info.context.reading.env_value(self.variable)

    @fields.field(description="When the value was set.")
    def updated_at(self) -> datetime:
        """The moment."""
        return self.variable.updated_at

    @fields.field(description="By whom; null if that user is gone.")
    async def updated_by(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.variable.updated_by)


@strawberry.type(name="Secret", description="A secret of an app. Only scripts read its value.")
class SecretView:
    """A secret."""

    secret: strawberry.Private[Secret]

    @classmethod
    def of(cls, secret: Secret) -> SecretView:
        """The view of a secret."""
        return cls(secret=secret)

    @fields.field(description="The name, unique within its app or script.")
    def name(self) -> str:
        """Upper case."""
        return self.secret.name

    @fields.field(
        description="How the value ends: `••••1234`; null for values of fewer than 16 characters "
        "and for who may only see the name."
    )
    async def hint(self, info: Info) -> str | None:
        """The last characters."""
        hint = await info.context.reading.secret_hint(self.secret)
        return None if hint is None else MASK + hint

    @fields.field(description="When the value was set.")
    def updated_at(self) -> datetime:
        """The moment."""
        return self.secret.updated_at

    @fields.field(description="By whom; null if that user is gone.")
    async def updated_by(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.secret.updated_by)


@strawberry.type(name="EgressPolicy", description="Where the scripts of an app may connect to.")
class EgressView:
    """An egress policy."""

    egress: strawberry.Private[Egress]

    @classmethod
    def of(cls, egress: Egress) -> EgressView:
        """The view of a policy."""
        return cls(egress=egress)

    @fields.field(description="How far.")
    def mode(self) -> EgressMode:
        """The mode."""
        return EgressMode[self.egress.policy.mode.name]

    @fields.field(description="The hosts and ports of the mode `ALLOW_LIST`.")
    def allow(self) -> list[str]:
        """Patterns."""
        return list(self.egress.policy.allow)

    @fields.field(description="When it was set; null: never.")
    def updated_at(self) -> datetime | None:
        """The moment."""
        return self.egress.updated_at

    @fields.field(description="By whom; null if nobody did or that user is gone.")
    async def updated_by(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.egress.updated_by)


async def env_variables_of(
    info: Info, owner: App | Script, request: PageRequest[str]
) -> KeysetConnection[EnvVariableView]:
    """A page of what an app or a script has."""
    page = await info.context.reading.list_env_variables(owner, request)
    return connect(page, cursors.BY_NAME, key=lambda each: each.name, view=EnvVariableView.of)


async def secrets_of(
    info: Info, owner: App | Script, request: PageRequest[str]
) -> KeysetConnection[SecretView]:
    """A page of what an app or a script has."""
    page = await info.context.reading.list_secrets(owner, request)
    return connect(page, cursors.BY_NAME, key=lambda each: each.name, view=SecretView.of)
