"""What a node needs to serve: routes with their versions, and a version's source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from picloud.domain.endpoint import OPEN, Guard, RateLimit
from picloud.domain.limits import Isolation, Limits
from picloud.domain.source import Source
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.routes import guard_from_columns, rates_from_text

CHANNEL: Final = "picloud_routes"  # payload: a script's id, or empty for "load all again"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """One route and a version behind it; a route with several has a row for each."""

    app_id: UUID
    app_name: str
    script_id: UUID
    script_name: str
    route_id: UUID
    method: str | None
    pattern: str
    guard: Guard = OPEN
    app_rate_limits: tuple[RateLimit, ...] = ()
    version_id: UUID
    version_number: int
    filename: str
    entry_points: tuple[str, ...]
    kind: str
    limits: Limits
    isolation: Isolation
    weight: int  # of a hundred requests
    app_revision: int  # grows with every change of the app's env, secrets or egress policy


async def load_routing(db: Executor) -> list[RouteRow]:
    """Every route of every script with an active deployment."""
    return [_from_row(row) for row in await db.fetch(SQL["load_routing"])]


async def load_script_routing(db: Executor, script_id: UUID) -> list[RouteRow]:
    """The routes of one script; empty when it is gone or was never deployed."""
    return [_from_row(row) for row in await db.fetch(SQL["load_script_routing"], script_id)]


async def load_preview(db: Executor, app: str, script: str, number: int) -> list[RouteRow]:
    """The routes of one script as if this version served them; empty when there is none."""
    return [_from_row(row) for row in await db.fetch(SQL["load_preview"], app, script, number)]


async def living_scripts(db: Executor, script_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these scripts are there; neither they nor their apps are deleted."""
    rows = await db.fetch(SQL["living_scripts"], list(script_ids))
    return {row["id"] for row in rows}


async def load_source(db: Executor, version_id: UUID) -> Source | None:
    """The source of a version, None when there is no such version."""
    entry = await db.fetchrow(SQL["load_source"], version_id)
    if entry is None:
        return None
    rows = await db.fetch(SQL["load_source_files"], version_id)
    files = {row["path"]: row["content"] for row in rows}
    return Source(entry["filename"], entry["source"], files)


async def notify_routes(db: Executor, script_id: UUID | None = None) -> None:
    """Tell the nodes; inside a transaction they hear it when it commits."""
    await db.execute(SQL["notify_routes"], str(script_id) if script_id else "")


def _from_row(row: asyncpg.Record) -> RouteRow:
    columns = dict(row)
    guard = guard_from_columns(*(columns.pop(name) for name in ("auth", "cors", "rate_limits")))
    read = {
        "guard": guard,
        "app_rate_limits": rates_from_text(row["app_rate_limits"]),
        "entry_points": tuple(row["entry_points"]),
        "limits": Limits.from_json(row["limits"]),
        "isolation": Isolation(row["isolation"]),
    }
    return RouteRow(**{**columns, **read})
