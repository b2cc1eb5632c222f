"""What people do with their own account: coming in, log-in and log-out, sessions, passwords."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

import strawberry

from picloud.domain.failures import NotFound
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Context, Info
from picloud.manager.graphql.errors import (
    InvalidCredentialsError,
    InvalidInputError,
    NameTakenError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    TooManyAttemptsError,
)
from picloud.manager.graphql.nodes import decode_id
from picloud.manager.graphql.people import UserView
from picloud.manager.session_cookie import clear_cookie, set_cookie
from picloud.manager.sessions import Login


@strawberry.type
class _Begun:
    """What a session that has begun tells, however it did."""

    token: str = strawberry.field(
        description="Send it as `Authorization: Bearer …`. It is shown this once."
    )
    expires_at: datetime = strawberry.field(description="When the session runs out.")
    user: UserView = strawberry.field(description="Who you are.")

    @classmethod
    def by(cls, context: Context, login: Login) -> Self:
        """Tell of a log-in, a browser by a cookie too."""
        set_cookie(context, login.token)
        return cls(
            token=login.token, expires_at=login.session.expires_at, user=UserView(user=login.user)
        )


@strawberry.input(description="A log-in.")
class SessionCreateInput:
    """Who and how."""

    email: str = strawberry.field(description="The e-mail address.")
    password: str = strawberry.field(description="The password.")


@strawberry.type(description="You are logged in.")
class SessionCreateSuccess(_Begun):
    """A session."""


@strawberry.input(description="An invitation to accept.")
class InvitationAcceptInput:
    """With what, as whom."""

    secret: str = strawberry.field(description="What the link holds.")
    email: str = strawberry.field(description="The address it was made for.")
    password: str = strawberry.field(description="The password you choose.")


@strawberry.type(description="You are a user, and logged in.")
class InvitationAcceptSuccess(_Begun):
    """A session."""


@strawberry.input(description="A new password.")
class PasswordChangeInput:
    """Old and new."""

    old_password: str = strawberry.field(description="The password until now.")
    new_password: str = strawberry.field(description="The one from now on.")


@strawberry.type(description="The password is changed. Every other session has ended.")
class PasswordChangeSuccess(_Begun):
    """The session that goes on, under a new token."""


@strawberry.input(description="A new password, by leave of an admin.")
class PasswordResetInput:
    """Leave and password."""

    secret: str = strawberry.field(description="What the link holds.")
    new_password: str = strawberry.field(description="The password from now on.")


@strawberry.type(description="The password is changed, every session has ended but this new one.")
class PasswordResetSuccess(_Begun):
    """A session."""


@strawberry.type(description="You are logged out.")
class SessionDeletePayload:
    """The end of a session."""

    ended_at: datetime = strawberry.field(description="When the session ended.")


@strawberry.input(description="A session of yours to end.")
class SessionRevokeInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The session's id.")


@strawberry.type(description="The session has ended.")
class SessionRevokeSuccess:
    """Its end."""

    id: strawberry.ID = strawberry.field(description="The id it had.")


@strawberry.type(description="All your other sessions have ended.")
class SessionRevokeOthersSuccess:
    """Their end."""

    ended: int = strawberry.field(description="How many there were.")


SessionCreatePayload = Annotated[
    SessionCreateSuccess | InvalidCredentialsError | TooManyAttemptsError,
    strawberry.union("SessionCreatePayload", description="What came of a log-in."),
]
InvitationAcceptPayload = Annotated[
    InvitationAcceptSuccess
    | NotFoundError
    | InvalidInputError
    | NameTakenError
    | QuotaExceededError
    | TooManyAttemptsError,
    strawberry.union("InvitationAcceptPayload", description="What came of accepting."),
]
PasswordChangePayload = Annotated[
    PasswordChangeSuccess
    | InvalidInputError
    | InvalidCredentialsError
    | PermissionDeniedError
    | TooManyAttemptsError,
    strawberry.union("PasswordChangePayload", description="What came of a new password."),
]
PasswordResetPayload = Annotated[
    PasswordResetSuccess | NotFoundError | InvalidInputError | TooManyAttemptsError,
    strawberry.union("PasswordResetPayload", description="What came of using the leave."),
]
SessionRevokePayload = Annotated[
    SessionRevokeSuccess | NotFoundError | PermissionDeniedError,
    strawberry.union("SessionRevokePayload", description="What came of ending a session."),
]
SessionRevokeOthersPayload = Annotated[
    SessionRevokeOthersSuccess | PermissionDeniedError,
    strawberry.union("SessionRevokeOthersPayload", description="What came of ending the others."),
]


@strawberry.type
class AccountMutation:
    """For everybody about themselves; the first three need no session."""

    @fields.mutation(
        description="Log in. A browser also gets a cookie. A session that is sent along ends."
    )
    async def session_create(
        self,
        info: Info,
        input: Annotated[SessionCreateInput, strawberry.argument(description="The log-in.")],
    ) -> SessionCreatePayload:
        """Start a session."""
        context = info.context
        login = await context.services.people.accounts.log_in(
            context.client, email=input.email, password=input.password, before=context.actor
        )
        return SessionCreateSuccess.by(context, login)

    @fields.mutation(description="Accept an invitation: you become a user and are logged in.")
    async def invitation_accept(
        self,
        info: Info,
        input: Annotated[InvitationAcceptInput, strawberry.argument(description="Which.")],
    ) -> InvitationAcceptPayload:
        """Come in."""
        context = info.context
        login = await context.services.people.invitations.accept(
            context.client, secret=input.secret, email=input.email, password=input.password
        )
        return InvitationAcceptSuccess.by(context, login)

    @fields.mutation(description="Choose a new password with the leave of an admin.")
    async def password_reset(
        self,
        info: Info,
        input: Annotated[PasswordResetInput, strawberry.argument(description="The password.")],
    ) -> PasswordResetPayload:
        """Reset."""
        context = info.context
        login = await context.services.people.password_changes.reset(
            context.client, secret=input.secret, new=input.new_password
        )
        return PasswordResetSuccess.by(context, login)

    @fields.mutation(
        description="Choose a new password. All your sessions end, and a new one begins."
    )
    async def password_change(
        self,
        info: Info,
        input: Annotated[PasswordChangeInput, strawberry.argument(description="The password.")],
    ) -> PasswordChangePayload:
        """Change."""
        context = info.context
        login = await context.services.people.password_changes.change(
            context.require_actor(), old=input.old_password, new=input.new_password
        )
        return PasswordChangeSuccess.by(context, login)

    @fields.mutation(description="Log out: the session's token is worth nothing any more.")
    async def session_delete(self, info: Info) -> SessionDeletePayload:
        """End the session."""
        context = info.context
        ended_at = await context.services.people.sessions.log_out(context.require_actor())
        clear_cookie(context)
        return SessionDeletePayload(ended_at=ended_at)

    @fields.mutation(description="End one of your sessions.")
    async def session_revoke(
        self,
        info: Info,
        input: Annotated[SessionRevokeInput, strawberry.argument(description="Which.")],
    ) -> SessionRevokePayload:
        """Revoke."""
        actor = info.context.require_actor()
        match decode_id(input.id):
            case ("Session", key):
                await info.context.services.people.sessions.revoke(actor, key)
                return SessionRevokeSuccess(id=input.id)
            case _:
                raise NotFound(kind="session")

    @fields.mutation(description="End all of your sessions but the one that asks.")
    async def session_revoke_others(self, info: Info) -> SessionRevokeOthersPayload:
        """Revoke."""
        actor = info.context.require_actor()
        return SessionRevokeOthersSuccess(
            ended=await info.context.services.people.sessions.revoke_others(actor)
        )
