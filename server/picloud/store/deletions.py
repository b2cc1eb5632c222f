"""Deleted apps and scripts in PostgreSQL: marking them, bringing them back, purging them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from picloud.domain.app import AppRole
from picloud.domain.deletion import DeletedApp, DeletedScript, Deletion
from picloud.domain.page import Page, PageRequest
from picloud.store.app_names import rest_names
from picloud.store.apps import app_from_row
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import list_page, list_pages
from picloud.store.scripts import script_from_row

AT_ONCE: Final = 5_000  # records deleted by one statement


async def delete_app(db: Executor, app_id: UUID, deletion: Deletion) -> bool:
    """Mark an app as deleted; False when it is not there."""
    return await db.fetchval(SQL["delete_app"], app_id, *_columns(deletion)) is not None


async def restore_app(db: Executor, app_id: UUID, now: datetime) -> bool:
    """Bring an app back; False when it is not deleted, or due to be purged."""
    return await db.fetchval(SQL["restore_app"], app_id, now) is not None


async def find_deleted_app(db: Executor, name: str) -> DeletedApp | None:
    """A deleted app by its name, or by one it had."""
    row = await db.fetchrow(SQL["find_deleted_app"], name)
    return None if row is None else _deleted_app(row)


async def role_in_deleted_app(db: Executor, *, user_id: UUID, app_id: UUID) -> AppRole | None:
    """A user's place in a deleted app."""
    role = await db.fetchval(SQL["role_in_deleted_app"], user_id, app_id)
    return None if role is None else AppRole(role)


async def list_deleted_apps(
    db: Executor, request: PageRequest[str], *, owner: UUID | None, only: UUID | None = None
) -> Page[DeletedApp]:
    """A page of the deleted apps of an owner, or of all; or of the only one that counts."""
    return await list_page(db, "list_deleted_apps", request, _deleted_app, owner, only)


async def delete_script(db: Executor, script_id: UUID, deletion: Deletion) -> bool:
    """Mark a script as deleted; False when it is not there."""
    return await db.fetchval(SQL["delete_script"], script_id, *_columns(deletion)) is not None


async def restore_script(db: Executor, script_id: UUID, now: datetime) -> bool:
    """Bring a script back; False when it is not deleted, or due to be purged."""
    return await db.fetchval(SQL["restore_script"], script_id, now) is not None


async def find_deleted_script(db: Executor, *, app_id: UUID, name: str) -> DeletedScript | None:
    """A deleted script of an app by name."""
    row = await db.fetchrow(SQL["find_deleted_script"], app_id, name)
    return None if row is None else _deleted_script(row)


async def list_deleted_scripts(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[str]
) -> list[Page[DeletedScript]]:
    """A page of each app's deleted scripts."""
    return await list_pages(db, "list_deleted_scripts", app_ids, request, _deleted_script)


async def next_purge(db: Executor) -> datetime | None:
    """When the next deleted thing is due; None when nothing is deleted."""
    moment: datetime | None = await db.fetchval(SQL["next_purge"])
    return moment


async def due_apps(db: Executor, now: datetime) -> list[UUID]:
    """The apps that are to be purged."""
    return [row["id"] for row in await db.fetch(SQL["due_apps"], now)]


async def due_scripts(db: Executor, now: datetime) -> list[UUID]:
    """The scripts that are to be purged."""
    return [row["id"] for row in await db.fetch(SQL["due_scripts"], now)]


async def scripts_of_app(db: Executor, app_id: UUID) -> list[UUID]:
    """All scripts of an app, deleted ones too."""
    return [row["id"] for row in await db.fetch(SQL["scripts_of_app"], app_id)]


async def purge_records(db: Executor, script_id: UUID) -> None:
    """Delete the invocations and log records of a script, in pieces that hold nobody up."""
    for query in ("purge_log_records", "purge_invocations"):
        while await db.fetchval(SQL[query], script_id, AT_ONCE) == AT_ONCE:
            continue


async def purge_app(db: Executor, app_id: UUID, *, now: datetime, free_at: datetime) -> None:
    """Delete an app with all it owns, if it is due; its names rest until `free_at`."""
    if await db.fetchval(SQL["take_due_app"], app_id, now) is not None:
        await rest_names(db, app_id, free_at=free_at)
        await db.execute(SQL["purge_app"], app_id)


async def purge_script(db: Executor, script_id: UUID, *, now: datetime) -> None:
    """Delete a script with its versions, if it is due."""
    await db.execute(SQL["purge_script"], script_id, now)


def _columns(deletion: Deletion) -> tuple[object, ...]:
    return deletion.deleted_at, deletion.purge_at, deletion.deleted_by


def _deletion(row: asyncpg.Record) -> Deletion:
    return Deletion(
        deleted_at=row["deleted_at"], purge_at=row["purge_at"], deleted_by=row["deleted_by"]
    )


def _deleted_app(row: asyncpg.Record) -> DeletedApp:
    return DeletedApp(app=app_from_row(row), deletion=_deletion(row))


def _deleted_script(row: asyncpg.Record) -> DeletedScript:
    return DeletedScript(script=script_from_row(row), deletion=_deletion(row))
