"""Apps and their members in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from picloud.domain.app import App, AppRole, Standing
from picloud.domain.failures import NameTaken
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_page


async def add_app(db: Executor, app: App) -> None:
    """Store an app; raises `NameTaken`."""
    try:
        await db.execute(SQL["add_app"], app.id, app.name, app.created_by, app.created_at)
    except asyncpg.UniqueViolationError as exc:
        if exc.constraint_name == "app_name_unique":
            raise NameTaken(kind="app", name=app.name) from exc
        raise


async def add_member(db: Executor, *, app_id: UUID, user_id: UUID, role: AppRole) -> None:
    """Give a user a place in an app."""
    await db.execute(SQL["add_member"], app_id, user_id, role)


async def find_app(db: Executor, name: str) -> App | None:
    """An app by name."""
    row = await db.fetchrow(SQL["find_app"], name)
    return None if row is None else app_from_row(row)


async def get_apps(db: Executor, ids: Sequence[UUID]) -> list[App | None]:
    """Apps in the order of the ids."""
    return await get_many(db, "get_apps", ids, app_from_row)


async def get_roles(db: Executor, user_id: UUID, app_ids: Sequence[UUID]) -> list[AppRole | None]:
    """A user's place in each of these apps."""
    rows = await db.fetch(SQL["get_roles"], user_id, list(app_ids))
    found = {row["app_id"]: AppRole(row["role"]) for row in rows}
    return [found.get(app_id) for app_id in app_ids]


async def roles_of(db: Executor, user_id: UUID) -> dict[UUID, AppRole]:
    """All of a user's places, by app."""
    rows = await db.fetch(SQL["roles_of"], user_id)
    return {row["app_id"]: AppRole(row["role"]) for row in rows}


async def get_standings(
    db: Executor, user_id: UUID, app_ids: Sequence[UUID]
) -> list[Standing | None]:
    """How a user stands to each of these apps, None where there is no such app."""
    rows = await db.fetch(SQL["get_standings"], list(app_ids), user_id)
    found = {
        row["id"]: Standing(role=AppRole(row["role"]) if row["role"] else None) for row in rows
    }
    return [found.get(app_id) for app_id in app_ids]


async def list_apps(
    db: Executor, request: PageRequest[str], *, member: UUID | None, only: UUID | None = None
) -> Page[App]:
    """A page of a user's apps, or of all; or of the only one that counts."""
    return await list_page(db, "list_apps", request, app_from_row, member, only)


def app_from_row(row: asyncpg.Record) -> App:
    """An app from its columns."""
    return App(
        id=row["id"],
        name=row["name"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )
