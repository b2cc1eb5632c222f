"""Invocations and log records."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from picloud.domain.app import App
from picloud.domain.fetch import Fetch
from picloud.domain.invocation import Invocation
from picloud.domain.log_record import LogLevel as DomainLevel
from picloud.domain.log_record import LogRecord
from picloud.domain.page import LivePosition, PageRequest
from picloud.domain.script import Script
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import (
    After,
    Before,
    First,
    Last,
    LiveConnection,
    edges_of,
    page_request,
    selects,
)
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import InvocationOutcome, LogLevel, LogStream, TriggerKind
from picloud.manager.graphql.nodes import Node
from picloud.store.records import LogKey

if TYPE_CHECKING:
    from picloud.manager.graphql.scripts import ScriptView
    from picloud.manager.graphql.versions import VersionView

LazyScript = Annotated["ScriptView", strawberry.lazy("picloud.manager.graphql.scripts")]
LazyVersion = Annotated["VersionView", strawberry.lazy("picloud.manager.graphql.versions")]
Level = Annotated[
    LogLevel | None, strawberry.argument(description="Only records of this level or above.")
]


@strawberry.type(name="Fetch", description="One request a script made to the outside.")
class FetchView:
    """A fetch."""

    fetch: strawberry.Private[Fetch]

    @fields.field(description="The request's method.")
    def method(self) -> str:
        """The method."""
        return self.fetch.method

    @fields.field(description="The host that was asked for.")
    def host(self) -> str:
        """The host."""
        return self.fetch.host

    @fields.field(description="The port.")
    def port(self) -> int:
        """The port."""
        return self.fetch.port

    @fields.field(description="The status of the answer; null if there was none.")
    def status(self) -> int | None:
        """The status."""
        return self.fetch.status

    @fields.field(
        description="What went wrong, as a code such as `egress_denied`; null if nothing did."
    )
    def error(self) -> str | None:
        """The code."""
        return self.fetch.error

    @fields.field(description="How long it took, in milliseconds.")
    def duration_ms(self) -> int:
        """The duration."""
        return self.fetch.duration_ms

    @fields.field(description="Bytes of the request's body.")
    def bytes_out(self) -> int:
        """The bytes."""
        return self.fetch.bytes_out

    @fields.field(description="Bytes of the answer's body.")
    def bytes_in(self) -> int:
        """The bytes."""
        return self.fetch.bytes_in


@strawberry.type(name="Invocation", description="One finished run of one version.")
class InvocationView(Node):
    """An invocation."""

    invocation: strawberry.Private[Invocation]

    @classmethod
    def of(cls, invocation: Invocation) -> InvocationView:
        """The view of an invocation."""
        return cls(invocation=invocation)

    def key(self) -> UUID:
        """The invocation's id."""
        return self.invocation.id

    @fields.field(
        description="The UUID that answers carry in `picloud-invocation-id` and people quote."
    )
    def invocation_id(self) -> str:
        """The id for people."""
        return str(self.invocation.id)

    @fields.field(description="The script that ran; null if it is gone.")
    async def script(self, info: Info) -> LazyScript | None:
        """The script."""
        return await script_or_none(info, self.invocation.script_id)

    @fields.field(description="The version that ran; null if it is gone.")
    async def version(self, info: Info) -> LazyVersion | None:
        """The version."""
        from picloud.manager.graphql.versions import VersionView

        version = await info.context.reading.version(self.invocation.version_id)
        return VersionView.of(version) if version else None

    @fields.field(description="Why it started.")
    def trigger(self) -> TriggerKind:
        """The trigger."""
        return TriggerKind[self.invocation.trigger.name]

    @fields.field(description="How it ended.")
    def outcome(self) -> InvocationOutcome:
        """The outcome."""
        return InvocationOutcome[self.invocation.outcome.name]

    @fields.field(description="The request's method.")
    def method(self) -> str:
        """The method."""
        return self.invocation.method

    @fields.field(description="The request's path within the app.")
    def path(self) -> str:
        """The path."""
        return self.invocation.path

    @fields.field(description="The status that was answered; null if nobody got an answer.")
    def status(self) -> int | None:
        """The status."""
        return self.invocation.status

    @fields.field(description="When it started.")
    def started_at(self) -> datetime:
        """The moment."""
        return self.invocation.started_at

    @fields.field(description="How long the script ran, in milliseconds.")
    def duration_ms(self) -> float:
        """The duration."""
        return self.invocation.duration_us / 1000

    @fields.field(description="How long it waited for a sandbox, in milliseconds.")
    def queue_ms(self) -> float:
        """The wait."""
        return self.invocation.queue_us / 1000

    @fields.field(description="Whether a sandbox had to be started for it.")
    def cold(self) -> bool:
        """A cold start."""
        return self.invocation.cold

    @fields.field(description="What went wrong, as a code; null if nothing did.")
    def error_code(self) -> str | None:
        """The code."""
        return self.invocation.error_code

    @fields.field(description="What went wrong, in words; null if nothing did.")
    def error(self) -> str | None:
        """The words."""
        return self.invocation.error

    @fields.field(
        description="Requests it made to the outside, the first hundred; each redirect is one."
    )
    def fetches(self) -> list[FetchView]:
        """The requests."""
        return [FetchView(fetch=fetch) for fetch in self.invocation.fetches]

    @fields.field(description="What the invocation logged, in its order.")
    async def log_records(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        level: Level = None,
    ) -> LiveConnection[LogRecordView]:
        """A page of it."""
        request = page_request(
            cursors.BY_NUMBER, first=first, last=last, after=after, before=before
        )
        live = selects(info, "liveCursor")
        found = await info.context.reading.list_invocation_log(
            self.invocation, request, level=threshold(level), live=live
        )
        edges, page_info = edges_of(
            found.page, cursors.BY_NUMBER, key=lambda record: record.number, view=LogRecordView.of
        )
        cursor = live_cursor(cursors.LIVE_LOG, found.position)
        return LiveConnection(edges=edges, page_info=page_info, live_cursor=cursor)


@strawberry.type(name="LogRecord", description="One structured line of a script's log.")
class LogRecordView:
    """A log record."""

    record: strawberry.Private[LogRecord]

    @classmethod
    def of(cls, record: LogRecord) -> LogRecordView:
        """The view of a record."""
        return cls(record=record)

    @fields.field(description="The invocation's UUID; null for what was logged during the import.")
    def invocation_id(self) -> str | None:
        """The id for people."""
        invocation_id = self.record.invocation_id
        return None if invocation_id is None else str(invocation_id)

    @fields.field(description="The record's place within its invocation.")
    def number(self) -> int:
        """The number."""
        return self.record.number

    @fields.field(description="How much it matters.")
    def level(self) -> LogLevel:
        """The level."""
        return LogLevel[DomainLevel.at_most(self.record.level).name]

    @fields.field(description="Where it came from.")
    def stream(self) -> LogStream:
        """The stream."""
        return LogStream[self.record.stream.name]

    @fields.field(description="When the script logged it.")
    def logged_at(self) -> datetime:
        """The moment."""
        return self.record.logged_at

    @fields.field(description="The line; a traceback is one record of several lines.")
    def text(self) -> str:
        """The text."""
        return self.record.text

    @fields.field(description="The script that logged it; null if it is gone.")
    async def script(self, info: Info) -> LazyScript | None:
        """The script."""
        return await script_or_none(info, self.record.script_id)


async def invocations_of(
    info: Info, parent: App | Script, request: PageRequest[UUID]
) -> LiveConnection[InvocationView]:
    """A page of the invocations of an app or a script."""
    live = selects(info, "liveCursor")
    found = await info.context.reading.list_invocations(parent, request, live=live)
    edges, page_info = edges_of(
        found.page, cursors.BY_ID, key=lambda invocation: invocation.id, view=InvocationView.of
    )
    cursor = live_cursor(cursors.LIVE_INVOCATIONS, found.position)
    return LiveConnection(edges=edges, page_info=page_info, live_cursor=cursor)


async def log_records_of(
    info: Info, parent: App | Script, request: PageRequest[LogKey], level: LogLevel | None
) -> LiveConnection[LogRecordView]:
    """A page of the log records of an app or a script."""
    live = selects(info, "liveCursor")
    found = await info.context.reading.list_log_records(
        parent, request, level=threshold(level), live=live
    )
    edges, page_info = edges_of(
        found.page,
        cursors.BY_TIME,
        key=lambda record: (record.logged_at, record.node_number, record.seq),
        view=LogRecordView.of,
    )
    cursor = live_cursor(cursors.LIVE_LOG, found.position)
    return LiveConnection(edges=edges, page_info=page_info, live_cursor=cursor)


async def script_or_none(info: Info, script_id: UUID) -> ScriptView | None:
    """The script of a record, which may have outlived it."""
    from picloud.manager.graphql.scripts import ScriptView

    script = await info.context.reading.script(script_id)
    return ScriptView.of(script) if script else None


def threshold(level: LogLevel | None) -> int:
    """The lowest number a level stands for; without one everything passes."""
    return -1 if level is None else int(level.value)


def live_cursor(cursor: cursors.Cursor[LivePosition], position: LivePosition | None) -> str:
    """The cursor of a position; it is read only where the query asks for it."""
    return "" if position is None else cursor.encode(position)
