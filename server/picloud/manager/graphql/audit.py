"""The audit log."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, cast
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from picloud.domain import audit
from picloud.domain.app import App
from picloud.domain.page import PageRequest
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import KeysetConnection, connect
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.tokens import TokenView


@strawberry.enum(description="What somebody asked with.")
class CredentialKind(Enum):
    """As `picloud.domain.audit.CredentialKind`."""

    SESSION = strawberry.enum_value("session", description="A log-in.")
    TOKEN = strawberry.enum_value("token", description="An API token.")


@strawberry.input(description="Which entries of the audit log; all that is given must hold.")
class AuditFilter:
    """What to look for."""

    actor: str | None = strawberry.field(
        default=None, description="The e-mail address of who did it."
    )
    action: str | None = strawberry.field(
        default=None, description="What was done, as `app.create`."
    )
    target: str | None = strawberry.field(
        default=None, description="What it was done to: the name, as the entries have it."
    )
    since: datetime | None = strawberry.field(
        default=None, description="From this time on, with a time zone."
    )
    until: datetime | None = strawberry.field(
        default=None, description="Before this time, with a time zone."
    )

    def wanted(self) -> audit.AuditFilter:
        """The same for the use case; raises `InvalidInput`."""
        return audit.AuditFilter.parse(
            actor=self.actor,
            action=self.action,
            target=self.target,
            since=self.since,
            until=self.until,
        )


Where = Annotated[
    AuditFilter | None, strawberry.argument(description="Which entries; left out: all.")
]


@strawberry.type(
    name="AuditEntry",
    description="One change: who made it, from where, with what. It is never changed or deleted, "
    "so names and addresses are those of the time.",
)
class AuditEntryView:
    """An entry."""

    entry: strawberry.Private[audit.AuditEntry]

    @classmethod
    def of(cls, entry: audit.AuditEntry) -> AuditEntryView:
        """The view of an entry."""
        return cls(entry=entry)

    @fields.field(description="The entry's UUID.")
    def entry_id(self) -> str:
        """Sorts by time."""
        return str(self.entry.id)

    @fields.field(description="When, to the millisecond.")
    def at(self) -> datetime:
        """The moment."""
        return self.entry.at

    @fields.field(description="What was done, as `app.create`: a noun and a verb.")
    def action(self) -> str:
        """One of `AuditAction`."""
        return self.entry.action

    @fields.field(description="The e-mail address of who did it; null: nobody was logged in.")
    def actor(self) -> str | None:
        """As it was then."""
        return self.entry.actor.email if self.entry.actor else None

    @fields.field(description="What they asked with; null: nobody was logged in.")
    def credential(self) -> CredentialKind | None:
        """A session or a token."""
        actor = self.entry.actor
        return CredentialKind[actor.credential.name] if actor else None

    @fields.field(description="The id of that session or token; null: nobody was logged in.")
    def credential_id(self) -> str | None:
        """A UUID, as `Token.tokenId`."""
        return str(self.entry.actor.credential_id) if self.entry.actor else None

    @fields.field(
        description="The token they asked with; null: none, or it is gone, or you may not see it."
    )
    async def token(self, info: Info) -> TokenView | None:
        """The token, as it is now."""
        actor = self.entry.actor
        if actor is None or actor.credential is not audit.CredentialKind.TOKEN:
            return None
        token = await info.context.reading.token(actor.credential_id)
        return TokenView.of(token) if token else None

    @fields.field(description="The IP address it came from.")
    def address(self) -> str:
        """As our own front door saw it."""
        return self.entry.address

    @fields.field(description="What the program called itself.")
    def agent(self) -> str:
        """The `User-Agent`."""
        return self.entry.agent

    @fields.field(description="The app it was about, by its name then; null: none.")
    def app_name(self) -> str | None:
        """A name."""
        return self.entry.app_name

    @fields.field(description="What it was done to, by its name then.")
    def target(self) -> str:
        """A name, an address, or `APP/SCRIPT`."""
        return self.entry.target

    @fields.field(
        description="Names and settings before, an object; null: it was not there. Never the "
        "value of a secret."
    )
    def before(self) -> JSON | None:
        """What was."""
        return cast("JSON | None", self.entry.before)

    @fields.field(
        description="Names and settings after, an object; null: it is gone. Never the value of a "
        "secret."
    )
    def after(self) -> JSON | None:
        """What is."""
        return cast("JSON | None", self.entry.after)


async def audit_entries_of(
    info: Info, app: App | None, request: PageRequest[UUID], where: AuditFilter | None
) -> KeysetConnection[AuditEntryView]:
    """A page of the entries about an app, or of all."""
    wanted = where.wanted() if where else audit.AuditFilter()
    page = await info.context.reading.list_audit_entries(app, request, wanted)
    return connect(page, cursors.BY_ID, key=lambda entry: entry.id, view=AuditEntryView.of)
