"""What an app says of itself beside its scripts: who belongs to it, what it may have, its past."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from picloud.domain.app import App
from picloud.domain.deletion import DeletedApp, DeletedScript, Deletion
from picloud.domain.member import Member
from picloud.domain.quota import QuotaUse
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import (
    After,
    Before,
    First,
    KeysetConnection,
    Last,
    connect,
    page_request,
)
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import AppRole, QuotaName
from picloud.manager.graphql.people import UserView, author_of


@strawberry.type(name="Member", description="A user's place in an app.")
class MemberView:
    """A member."""

    member: strawberry.Private[Member]

    @classmethod
    def of(cls, member: Member) -> MemberView:
        """The view of a member."""
        return cls(member=member)

    @fields.field(description="Who.")
    async def user(self, info: Info) -> UserView:
        """The user."""
        return UserView(user=await info.context.reading.member_user(self.member))

    @fields.field(description="What they may do.")
    def role(self) -> AppRole:
        """The role."""
        return AppRole[self.member.role.name]


@strawberry.type(name="Quota", description="How much of one thing an app has and may have.")
class QuotaView:
    """A quota."""

    use: strawberry.Private[QuotaUse]

    @classmethod
    def of(cls, use: QuotaUse) -> QuotaView:
        """The view of a quota."""
        return cls(use=use)

    @fields.field(description="Of what.")
    def name(self) -> QuotaName:
        """Which one."""
        return QuotaName[self.use.quota.name]

    @fields.field(description="How much there is.")
    def used(self) -> int:
        """Counted now."""
        return self.use.used

    @fields.field(description="How much there may be.")
    def limit(self) -> int:
        """The wall."""
        return self.use.limit

    @fields.field(description="Whether an admin gave this app a quota of its own.")
    def is_own(self) -> bool:
        """Else it is the instance's."""
        return self.use.is_own


@strawberry.type(description="What was deleted and may come back.")
class Deleted:
    """The fields of everything that is deleted."""

    deletion: strawberry.Private[Deletion]

    @fields.field(description="When it was deleted.")
    def deleted_at(self) -> datetime:
        """The moment."""
        return self.deletion.deleted_at

    @fields.field(description="Until when it can be restored; then it is gone for good.")
    def purge_at(self) -> datetime:
        """The moment."""
        return self.deletion.purge_at

    @fields.field(description="By whom; null if that user is gone.")
    async def deleted_by(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.deletion.deleted_by)


@strawberry.type(name="DeletedScript", description="A script that was deleted and may come back.")
class DeletedScriptView(Deleted):
    """A script on its way out."""

    script_name: strawberry.Private[str]

    @classmethod
    def of(cls, deleted: DeletedScript) -> DeletedScriptView:
        """The view of a deleted script."""
        return cls(deletion=deleted.deletion, script_name=deleted.script.name)

    @fields.field(description="Its name, which no other script of the app gets until then.")
    def name(self) -> str:
        """A DNS label."""
        return self.script_name


@strawberry.type(name="DeletedApp", description="An app that was deleted and may come back.")
class DeletedAppView(Deleted):
    """An app on its way out."""

    app_name: strawberry.Private[str]

    @classmethod
    def of(cls, deleted: DeletedApp) -> DeletedAppView:
        """The view of a deleted app."""
        return cls(deletion=deleted.deletion, app_name=deleted.app.name)

    @fields.field(
        description="Its name, which no other app gets until then, nor for a while after."
    )
    def name(self) -> str:
        """A DNS label."""
        return self.app_name


@strawberry.type
class AppFields:
    """The fields `App` has from here."""

    app: strawberry.Private[App]

    def key(self) -> UUID:
        """The app's id."""
        return self.app.id

    @fields.field(description="What you may do here; null for an admin who is no member.")
    async def viewer_role(self, info: Info) -> AppRole | None:
        """Your role."""
        role = await info.context.reading.role_in(self.app)
        return None if role is None else AppRole[role.name]

    @fields.field(description="Who belongs to the app, by e-mail address.")
    async def members(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[MemberView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_members(self.app, request)
        return connect(page, cursors.BY_NAME, key=lambda each: each.email, view=MemberView.of)

    @fields.field(description="What the app may have, and how much of it there is.")
    async def quotas(self, info: Info) -> list[QuotaView]:
        """One of each."""
        uses = await info.context.reading.quotas(self.app)
        return [QuotaView.of(use) for use in uses]

    @fields.field(
        description="The names the app had before. They lead to it, and no other app gets them."
    )
    async def former_names(self, info: Info) -> list[str]:
        """By name."""
        return await info.context.reading.former_names(self.app)

    @fields.field(description="The app's scripts that can still be restored, by name.")
    async def deleted_scripts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[DeletedScriptView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_deleted_scripts(self.app, request)
        return connect(
            page,
            cursors.BY_NAME,
            key=lambda each: each.script.name,
            view=DeletedScriptView.of,
        )
