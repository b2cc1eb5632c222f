"""What admins do with people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from picloud.domain import app as domain_app
from picloud.domain import user as domain_user
from picloud.domain.failures import FieldFault, InvalidInput, NotFound
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import AppRole, InstanceRole
from picloud.manager.graphql.errors import (
    InvalidInputError,
    LastAdminError,
    LastOwnerError,
    NameTakenError,
    NotFoundError,
    PermissionDeniedError,
)
from picloud.manager.graphql.invitations import InvitationView
from picloud.manager.graphql.nodes import decode_id
from picloud.manager.graphql.people import UserView
from picloud.manager.invitations import Place

_ADDRESS = "The user's e-mail address."


@strawberry.input(description="Somebody to invite.")
class UserInviteInput:
    """Whom and as what."""

    email: str = strawberry.field(description="The address; only it can accept.")
    role: InstanceRole = strawberry.field(
        default=InstanceRole.MEMBER, description="What they will be to the instance."
    )
    app: str | None = strawberry.field(
        default=None, description="The name of an app whose member they become."
    )
    app_role: AppRole | None = strawberry.field(
        default=None, description="Their role in that app; goes with `app`."
    )


@strawberry.type(description="The invitation is open. An earlier one to the address has ended.")
class UserInviteSuccess:
    """A new invitation."""

    invitation: InvitationView = strawberry.field(description="The invitation.")
    secret: str = strawberry.field(description="What accepts it. It is shown this once.")
    url: str = strawberry.field(description="A link with the secret, to hand over.")


@strawberry.input(description="An invitation to take back.")
class InvitationRevokeInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The invitation's id.")


@strawberry.type(description="The invitation has ended.")
class InvitationRevokeSuccess:
    """Its end."""

    email: str = strawberry.field(description="Whom it was for.")


@strawberry.input(description="A user.")
class UserInput:
    """Who."""

    email: str = strawberry.field(description=_ADDRESS)


@strawberry.input(description="A user's role.")
class UserRoleSetInput:
    """Who and what."""

    email: str = strawberry.field(description=_ADDRESS)
    role: InstanceRole = strawberry.field(description="What they are to the instance from now on.")


@strawberry.type(description="The user has the role.")
class UserRoleSetSuccess:
    """As they are now."""

    user: UserView = strawberry.field(description="The user.")


@strawberry.type(description="The user is let in no more; their sessions have ended.")
class UserDisableSuccess:
    """As they are now."""

    user: UserView = strawberry.field(description="The user.")


@strawberry.type(description="The user may log in.")
class UserEnableSuccess:
    """As they are now."""

    user: UserView = strawberry.field(description="The user.")


@strawberry.type(description="The user is gone. What they made stays.")
class UserDeleteSuccess:
    """Who it was."""

    email: str = strawberry.field(description="The address they had.")


@strawberry.type(
    description="The user may choose a new password, once. An earlier leave has ended; the old "
    "password holds until then."
)
class PasswordResetCreateSuccess:
    """A leave."""

    user: UserView = strawberry.field(description="The user.")
    secret: str = strawberry.field(description="What allows it. It is shown this once.")
    url: str = strawberry.field(description="A link with the secret, to hand over.")
    expires_at: datetime = strawberry.field(description="When it runs out.")


UserInvitePayload = Annotated[
    UserInviteSuccess | PermissionDeniedError | InvalidInputError | NameTakenError | NotFoundError,
    strawberry.union("UserInvitePayload", description="What came of inviting."),
]
InvitationRevokePayload = Annotated[
    InvitationRevokeSuccess | PermissionDeniedError | NotFoundError,
    strawberry.union("InvitationRevokePayload", description="What came of taking back."),
]
UserRoleSetPayload = Annotated[
    UserRoleSetSuccess | PermissionDeniedError | NotFoundError | LastAdminError,
    strawberry.union("UserRoleSetPayload", description="What came of setting a role."),
]
UserDisablePayload = Annotated[
    UserDisableSuccess | PermissionDeniedError | NotFoundError | LastAdminError | LastOwnerError,
    strawberry.union("UserDisablePayload", description="What came of disabling."),
]
UserEnablePayload = Annotated[
    UserEnableSuccess | PermissionDeniedError | NotFoundError,
    strawberry.union("UserEnablePayload", description="What came of enabling."),
]
UserDeletePayload = Annotated[
    UserDeleteSuccess | PermissionDeniedError | NotFoundError | LastAdminError | LastOwnerError,
    strawberry.union("UserDeletePayload", description="What came of deleting a user."),
]
PasswordResetCreatePayload = Annotated[
    PasswordResetCreateSuccess | PermissionDeniedError | NotFoundError,
    strawberry.union("PasswordResetCreatePayload", description="What came of giving leave."),
]
Who = Annotated[UserInput, strawberry.argument(description="The user.")]


@strawberry.type
class PeopleMutation:
    """For admins of the instance."""

    @fields.mutation(
        description="Invite somebody to the instance, and perhaps into an app. There is no mail "
        "server: hand the link over yourself."
    )
    async def user_invite(
        self,
        info: Info,
        input: Annotated[UserInviteInput, strawberry.argument(description="Whom.")],
    ) -> UserInvitePayload:
        """Invite."""
        services = info.context.services
        invited = await services.people.invitations.invite(
            info.context.require_actor(),
            email=input.email,
            role=domain_user.InstanceRole[input.role.name],
            place=_place(input),
        )
        return UserInviteSuccess(
            invitation=InvitationView(invitation=invited.invitation),
            secret=invited.secret,
            url=services.urls.invitation(invited.secret),
        )

    @fields.mutation(description="Take an invitation back.")
    async def invitation_revoke(
        self,
        info: Info,
        input: Annotated[InvitationRevokeInput, strawberry.argument(description="Which.")],
    ) -> InvitationRevokePayload:
        """Revoke."""
        actor = info.context.require_actor()
        match decode_id(input.id):
            case ("Invitation", key):
                revoked = await info.context.services.people.invitations.revoke(actor, key)
                return InvitationRevokeSuccess(email=revoked.email)
            case _:
                raise NotFound(kind="invitation")

    @fields.mutation(description="Make a user an admin or a member.")
    async def user_role_set(
        self,
        info: Info,
        input: Annotated[UserRoleSetInput, strawberry.argument(description="Who and what.")],
    ) -> UserRoleSetPayload:
        """Set the role."""
        user = await info.context.services.people.users.set_role(
            info.context.require_actor(),
            input.email,
            domain_user.InstanceRole[input.role.name],
        )
        return UserRoleSetSuccess(user=UserView(user=user))

    @fields.mutation(
        description="Let a user in no more, until enabled. All that is open of theirs ends. First "
        "transfer the apps that nobody else owns."
    )
    async def user_disable(self, info: Info, input: Who) -> UserDisablePayload:
        """Disable."""
        actor = info.context.require_actor()
        user = await info.context.services.people.users.disable(actor, input.email)
        return UserDisableSuccess(user=UserView(user=user))

    @fields.mutation(description="Let a disabled user in again.")
    async def user_enable(self, info: Info, input: Who) -> UserEnablePayload:
        """Enable."""
        actor = info.context.require_actor()
        user = await info.context.services.people.users.enable(actor, input.email)
        return UserEnableSuccess(user=UserView(user=user))

    @fields.mutation(description="Forget a user. What they made stays, without its author.")
    async def user_delete(self, info: Info, input: Who) -> UserDeletePayload:
        """Delete."""
        actor = info.context.require_actor()
        user = await info.context.services.people.users.delete(actor, input.email)
        return UserDeleteSuccess(email=user.email)

    @fields.mutation(
        description="Let a user choose a new password. There is no mail server: hand the link "
        "over yourself."
    )
    async def password_reset_create(self, info: Info, input: Who) -> PasswordResetCreatePayload:
        """Give leave."""
        services = info.context.services
        made = await services.people.users.create_reset(info.context.require_actor(), input.email)
        return PasswordResetCreateSuccess(
            user=UserView(user=made.user),
            secret=made.secret,
            url=services.urls.password_reset(made.secret),
            expires_at=made.reset.expires_at,
        )


def _place(input: UserInviteInput) -> Place | None:
    if input.app is None and input.app_role is None:
        return None
    if input.app is None:
        raise InvalidInput(FieldFault("app", "is needed with appRole"))
    if input.app_role is None:
        raise InvalidInput(FieldFault("app_role", "is needed with app"))
    return Place(app=input.app, role=domain_app.AppRole[input.app_role.name])
