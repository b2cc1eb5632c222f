"""Making and revoking API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from picloud.domain.failures import NotFound
from picloud.domain.user import Scope
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NameTakenError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
)
from picloud.manager.graphql.nodes import decode_id
from picloud.manager.graphql.tokens import TokenScope, TokenView
from picloud.manager.tokens import TokenRequest


@strawberry.input(description="A new API token. It can never do more than you.")
class TokenCreateInput:
    """What it is to be."""

    name: str = strawberry.field(
        description="What you call it: 1 to 64 characters, unique among your tokens."
    )
    scopes: list[TokenScope] = strawberry.field(description="What it is for; at least one.")
    app: str | None = strawberry.field(
        default=None, description="The name of the only app it is for; left out: every app."
    )
    script: str | None = strawberry.field(
        default=None, description="The name of the only script of that app; left out: every script."
    )
    expires_at: datetime | None = strawberry.field(
        default=None,
        description="When it runs out, with a time zone, within 3660 days; left out: never.",
    )


@strawberry.type(description="The token is there.")
class TokenCreateSuccess:
    """A new token."""

    secret: str = strawberry.field(
        description="Send it as `Authorization: Bearer …`. It is shown this once."
    )
    token: TokenView = strawberry.field(description="The token.")


@strawberry.input(description="A token to revoke.")
class TokenRevokeInput:
    """Which one."""

    id: strawberry.ID = strawberry.field(description="The token's `id`.")


@strawberry.type(
    description="The token is worth nothing any more, nor are those that were made with it."
)
class TokenRevokeSuccess:
    """The end of a token."""

    revoked_at: datetime = strawberry.field(description="When.")


TokenCreatePayload = Annotated[
    TokenCreateSuccess
    | InvalidInputError
    | NotFoundError
    | NameTakenError
    | QuotaExceededError
    | PermissionDeniedError,
    strawberry.union("TokenCreatePayload", description="What came of making a token."),
]
TokenRevokePayload = Annotated[
    TokenRevokeSuccess | NotFoundError | PermissionDeniedError,
    strawberry.union("TokenRevokePayload", description="What came of revoking a token."),
]


@strawberry.type
class TokenMutation:
    """One field for each change."""

    @fields.mutation(
        description="Make an API token of yours. Needs a session, or a token with the scope "
        "`ADMIN` for every app; what a token makes has no other scopes and does not outlive it."
    )
    async def token_create(
        self,
        info: Info,
        input: Annotated[TokenCreateInput, strawberry.argument(description="The token.")],
    ) -> TokenCreatePayload:
        """Mint."""
        wanted = TokenRequest(
            name=input.name,
            scopes=frozenset(Scope[scope.name] for scope in input.scopes),
            app=input.app,
            script=input.script,
            expires_at=input.expires_at,
        )
        minted = await info.context.services.tokens.mint(info.context.require_actor(), wanted)
        return TokenCreateSuccess(secret=minted.secret, token=TokenView.of(minted.token))

    @fields.mutation(
        description="Revoke a token: yours, one for an app you own, or as an admin any. It holds "
        "within 5 seconds, for open subscriptions too."
    )
    async def token_revoke(
        self,
        info: Info,
        input: Annotated[TokenRevokeInput, strawberry.argument(description="The token.")],
    ) -> TokenRevokePayload:
        """Revoke."""
        actor = info.context.require_actor()
        match decode_id(input.id):
            case ("Token", key):
                at = await info.context.services.tokens.revoke(actor, key)
                return TokenRevokeSuccess(revoked_at=at)
            case _:
                raise NotFound(kind="token")
