"""Source checks: a manager asks, one node answers from a sandbox.

The result is a JSON object: `{"ok": true, "entry_points": [...], "kind": ..., "runtime": ...}` or
`{"ok": false, "error": {"code", "message", "filename", "line", "column", "text"}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from picloud.domain.source import Source
from picloud.store.database import Executor
from picloud.store.queries import SQL

CHECKS: Final = "picloud_checks"  # payload: a check's id; manager -> nodes
CHECKED: Final = "picloud_checked"  # payload: a check's id; node -> managers


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedCheck:
    """A check this node has taken."""

    id: UUID
    source: str
    filename: str
    modules: Mapping[str, str]  # the Python files beside the entry, by path
    digest: bytes  # of the whole source


async def add_check(db: Executor, *, id: UUID, source: Source, created_at: datetime) -> None:
    """Store a check, then wake the nodes."""
    modules = json.dumps(source.modules())
    await db.execute(
        SQL["add_check"], id, source.text, source.filename, modules, source.digest, created_at
    )
    await db.execute(SQL["announce_check"], str(id))


async def list_pending(db: Executor) -> list[UUID]:
    """What a node that (re)connects may have missed, oldest first."""
    return [row["id"] for row in await db.fetch(SQL["list_pending_checks"])]


async def claim_check(db: Executor, check_id: UUID) -> ClaimedCheck | None:
    """Take a check; None when another node has it or nobody waits any more."""
    row = await db.fetchrow(SQL["claim_check"], check_id)
    if row is None:
        return None
    return ClaimedCheck(**{**row, "modules": json.loads(row["modules"])})


async def finish_check(db: Executor, check_id: UUID, result: Mapping[str, Any]) -> None:
    """Hand in the result and wake the manager that waits for it."""
    if await db.fetchval(SQL["finish_check"], check_id, json.dumps(result)) is not None:
        await db.execute(SQL["announce_checked"], str(check_id))


async def read_result(db: Executor, check_id: UUID) -> dict[str, Any] | None:
    """The result once there is one."""
    row = await db.fetchrow(SQL["read_check"], check_id)
    if row is None or row["result"] is None:
        return None
    result: dict[str, Any] = json.loads(row["result"])
    return result


async def delete_check(db: Executor, check_id: UUID) -> None:
    """Forget a check."""
    await db.execute(SQL["delete_check"], check_id)


async def delete_older(db: Executor, before: datetime) -> None:
    """Forget what a manager left behind when it died."""
    await db.execute(SQL["delete_old_checks"], before)
