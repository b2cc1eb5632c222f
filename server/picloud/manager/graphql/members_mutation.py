"""Changing who belongs to an app, and who owns it."""

from __future__ import annotations

from typing import Annotated

import strawberry

from picloud.domain import app as domain
from picloud.manager.graphql import fields
from picloud.manager.graphql.app_fields import MemberView
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import AppRole
from picloud.manager.graphql.errors import (
    AlreadyMemberError,
    LastOwnerError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
)
from picloud.manager.graphql.scripts import AppView
from picloud.manager.members import Members


@strawberry.input(description="A new member.")
class MemberAddInput:
    """Of which app, who, and as what."""

    app: str = strawberry.field(description="The app's name.")
    email: str = strawberry.field(description="The address of a user of this instance.")
    role: AppRole = strawberry.field(description="What they may do.")


@strawberry.input(description="Another role for a member.")
class MemberRoleSetInput:
    """Of which app, who, and as what."""

    app: str = strawberry.field(description="The app's name.")
    email: str = strawberry.field(description="The member's address.")
    role: AppRole = strawberry.field(description="What they may do from now on.")


@strawberry.input(description="A member who is to go.")
class MemberRemoveInput:
    """Of which app, and who."""

    app: str = strawberry.field(description="The app's name.")
    email: str = strawberry.field(description="The member's address.")


@strawberry.input(description="An app to leave.")
class AppLeaveInput:
    """Which one."""

    app: str = strawberry.field(description="The app's name.")


@strawberry.input(description="A new owner.")
class AppTransferInput:
    """Of which app, and who."""

    app: str = strawberry.field(description="The app's name.")
    email: str = strawberry.field(description="The address of a user of this instance.")


@strawberry.type(description="The user is a member.")
class MemberAddSuccess:
    """What became of it."""

    member: MemberView = strawberry.field(description="The member.")


@strawberry.type(description="The member has the role.")
class MemberRoleSetSuccess:
    """What became of it."""

    member: MemberView = strawberry.field(description="The member.")


@strawberry.type(description="The user is no member any more.")
class MemberRemoveSuccess:
    """What became of it."""

    email: str = strawberry.field(description="Who is gone.")


@strawberry.type(description="You are no member any more.")
class AppLeaveSuccess:
    """What became of it."""

    app_name: str = strawberry.field(description="The app you left.")


@strawberry.type(description="The app has the owner.")
class AppTransferSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


MemberAddPayload = Annotated[
    MemberAddSuccess
    | NotFoundError
    | PermissionDeniedError
    | AlreadyMemberError
    | QuotaExceededError,
    strawberry.union("MemberAddPayload", description="What came of adding a member."),
]
MemberRoleSetPayload = Annotated[
    MemberRoleSetSuccess | NotFoundError | PermissionDeniedError | LastOwnerError,
    strawberry.union("MemberRoleSetPayload", description="What came of changing a role."),
]
MemberRemovePayload = Annotated[
    MemberRemoveSuccess | NotFoundError | PermissionDeniedError | LastOwnerError,
    strawberry.union("MemberRemovePayload", description="What came of removing a member."),
]
AppLeavePayload = Annotated[
    AppLeaveSuccess | NotFoundError | PermissionDeniedError | LastOwnerError,
    strawberry.union("AppLeavePayload", description="What came of leaving an app."),
]
AppTransferPayload = Annotated[
    AppTransferSuccess | NotFoundError | PermissionDeniedError | QuotaExceededError,
    strawberry.union("AppTransferPayload", description="What came of a transfer."),
]


@strawberry.type
class MembersMutation:
    """One field for each change."""

    @fields.mutation(description="Give a user of this instance a place in an app.")
    async def member_add(
        self,
        info: Info,
        input: Annotated[MemberAddInput, strawberry.argument(description="The member.")],
    ) -> MemberAddPayload:
        """Add a member."""
        member = await _members(info).add(
            info.context.require_actor(),
            input.app,
            email=input.email,
            role=domain.AppRole[input.role.name],
        )
        return MemberAddSuccess(member=MemberView.of(member))

    @fields.mutation(
        description="Give a member another role. What they may no longer do ends within 5 seconds, "
        "open subscriptions included."
    )
    async def member_role_set(
        self,
        info: Info,
        input: Annotated[MemberRoleSetInput, strawberry.argument(description="The role.")],
    ) -> MemberRoleSetPayload:
        """Change a role."""
        member = await _members(info).set_role(
            info.context.require_actor(),
            input.app,
            email=input.email,
            role=domain.AppRole[input.role.name],
        )
        return MemberRoleSetSuccess(member=MemberView.of(member))

    @fields.mutation(
        description="Take a member's place away. Open subscriptions end within 5 seconds."
    )
    async def member_remove(
        self,
        info: Info,
        input: Annotated[MemberRemoveInput, strawberry.argument(description="The member.")],
    ) -> MemberRemovePayload:
        """Remove a member."""
        actor = info.context.require_actor()
        await _members(info).remove(actor, input.app, email=input.email)
        return MemberRemoveSuccess(email=input.email)

    @fields.mutation(description="Give up your place in an app.")
    async def app_leave(
        self,
        info: Info,
        input: Annotated[AppLeaveInput, strawberry.argument(description="The app.")],
    ) -> AppLeavePayload:
        """Leave."""
        app = await _members(info).leave(info.context.require_actor(), input.app)
        return AppLeaveSuccess(app_name=app.name)

    @fields.mutation(
        description="Make a user of this instance the only owner of an app. Who owned it before "
        "stays as an editor."
    )
    async def app_transfer(
        self,
        info: Info,
        input: Annotated[AppTransferInput, strawberry.argument(description="The owner.")],
    ) -> AppTransferPayload:
        """Transfer an app."""
        actor = info.context.require_actor()
        app = await _members(info).transfer(actor, input.app, email=input.email)
        return AppTransferSuccess(app=AppView(app=app))


def _members(info: Info) -> Members:
    return info.context.services.members
