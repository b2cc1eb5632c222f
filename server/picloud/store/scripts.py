"""Scripts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from picloud.domain.page import Page, PageRequest
from picloud.domain.script import Script
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_pages


async def add_script(db: Executor, script: Script) -> bool:
    """Store a script; False when the app has one of this name."""
    added = await db.fetchval(
        SQL["add_script"], script.id, script.app_id, script.name, script.created_at
    )
    return added is not None


async def lock_script(db: Executor, *, app_id: UUID, name: str) -> Script:
    """The script, held against other deployments of it until the transaction ends."""
    row = await db.fetchrow(SQL["lock_script"], app_id, name)
    if row is None:
        raise LookupError(name)
    return script_from_row(row)


async def find_script(db: Executor, *, app_id: UUID, name: str) -> Script | None:
    """A script by name."""
    row = await db.fetchrow(SQL["find_script"], app_id, name)
    return None if row is None else script_from_row(row)


async def get_scripts(db: Executor, ids: Sequence[UUID]) -> list[Script | None]:
    """Scripts in the order of the ids."""
    return await get_many(db, "get_scripts", ids, script_from_row)


async def list_scripts(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[str], *, only: UUID | None = None
) -> list[Page[Script]]:
    """A page of each app's scripts, or of the only one that counts."""
    return await list_pages(db, "list_scripts", app_ids, request, script_from_row, only)


def script_from_row(row: asyncpg.Record) -> Script:
    """A script from its columns."""
    return Script(
        id=row["id"],
        app_id=row["app_id"],
        name=row["name"],
        created_at=row["created_at"],
        active_deployment_id=row["active_deployment_id"],
    )
