"""Invocations and log records as they are read: in pages, and as tails."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

import asyncpg

from picloud.domain.fetch import Fetch
from picloud.domain.invocation import Invocation, Outcome, TriggerKind
from picloud.domain.log_record import LogRecord, LogStream
from picloud.domain.page import LivePosition, Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_pages

CHANNEL: Final = "picloud_records"  # payload: a node's number

T = TypeVar("T")
LogKey = tuple[datetime, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh(Generic[T]):
    """What a read of one node's stream found, and the `seq` up to which it has seen everything."""

    node_number: int
    after: int
    upto: int
    records: Sequence[T]
    text_length: int = 0  # characters of what may be long in them


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """One of the two hot tables as a tail reads it."""

    read_query: str
    position_query: str
    from_row: Callable[[asyncpg.Record], T]
    text_column: str | None = None  # what may be long in a row

    async def position(self, db: Executor) -> LivePosition:
        """How far every node has come."""
        rows = await db.fetch(SQL[self.position_query])
        return LivePosition({row["node_number"]: row["seq"] for row in rows})

    async def read(
        self,
        db: Executor,
        *,
        node_number: int,
        after: int,
        upto: int | None = None,
        apps: Sequence[UUID],
        limit: int,
    ) -> Fresh[T]:
        """Up to `limit` records of a node that follow `after`; only those of the apps are kept."""
        rows = await db.fetch(SQL[self.read_query], node_number, after, upto, limit, list(apps))
        found = [row for row in rows if row["seq"] is not None]
        high = rows[0]["high_seq"]
        reached = after if high is None else int(high)
        return Fresh(
            node_number=node_number,
            after=after,
            upto=reached,
            records=[self.from_row(row) for row in found],
            text_length=sum(len(row[self.text_column]) for row in found) if self.text_column else 0,
        )


async def get_invocations(db: Executor, ids: Sequence[UUID]) -> list[Invocation | None]:
    """Invocations in the order of the ids."""
    return await get_many(db, "get_invocations", ids, _invocation)


async def get_last_invocations(db: Executor, scripts: Sequence[UUID]) -> list[Invocation | None]:
    """The newest invocation of each script, in the order of the scripts."""
    rows = await db.fetch(SQL["get_last_invocations"], list(scripts))
    found = {row["script_id"]: _invocation(row) for row in rows}
    return [found.get(script) for script in scripts]


async def list_invocations(
    db: Executor, parents: Sequence[UUID], request: PageRequest[UUID]
) -> list[Page[Invocation]]:
    """A page of the invocations of each app or script."""
    return await list_pages(db, "list_invocations", parents, request, _invocation)


async def list_log_records(
    db: Executor, parents: Sequence[UUID], request: PageRequest[LogKey], *, level: int
) -> list[Page[LogRecord]]:
    """A page of the log records of each app or script, from a level up."""
    return await list_pages(db, "list_log_records", parents, request, _log_record, level, width=3)


async def list_invocation_logs(
    db: Executor, parents: Sequence[UUID], request: PageRequest[int], *, level: int
) -> list[Page[LogRecord]]:
    """A page of the log records of each invocation, from a level up."""
    return await list_pages(db, "list_invocation_logs", parents, request, _log_record, level)


def _invocation(row: asyncpg.Record) -> Invocation:
    return Invocation(
        id=row["id"],
        node_number=row["node_number"],
        seq=row["seq"],
        app_id=row["app_id"],
        script_id=row["script_id"],
        version_id=row["version_id"],
        trigger=TriggerKind(row["trigger"]),
        outcome=Outcome(row["outcome"]),
        method=row["method"],
        path=row["path"],
        status=row["status"],
        started_at=row["started_at"],
        duration_us=row["duration_us"],
        queue_us=row["queue_us"],
        cold=row["cold"],
        bytes_in=row["bytes_in"],
        bytes_out=row["bytes_out"],
        error_code=row["error_code"],
        error=row["error"],
        fetches=tuple(Fetch(**fetch) for fetch in json.loads(row["fetches"] or "[]")),
    )


def _log_record(row: asyncpg.Record) -> LogRecord:
    return LogRecord(
        node_number=row["node_number"],
        seq=row["seq"],
        app_id=row["app_id"],
        script_id=row["script_id"],
        version_id=row["version_id"],
        invocation_id=row["invocation_id"],
        number=row["number"],
        level=row["level"],
        stream=LogStream(row["stream"]),
        logged_at=row["logged_at"],
        text=row["text"],
    )


INVOCATIONS: Final = Feed("read_new_invocations", "invocation_position", _invocation, "path")
LOG_RECORDS: Final = Feed("read_new_log_records", "log_record_position", _log_record, "text")
