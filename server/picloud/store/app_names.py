"""Which names apps have, had, and give to nobody: no name ever leads to two apps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.app import App
from picloud.domain.failures import NameTaken
from picloud.store.database import Executor
from picloud.store.queries import SQL


async def claim_name(db: Executor, name: str, *, app_id: UUID, now: datetime) -> None:
    """Keep a name for one app until the transaction ends; raises `NameTaken`.

    A name that was the app's own, or has rested long enough, is free for it again.
    """
    await db.execute(SQL["lock_app_names"])
    if await db.fetchval(SQL["app_name_is_reserved"], name, app_id, now):
        raise NameTaken(kind="app", name=name)
    await db.execute(SQL["forget_app_alias"], name)


async def rename_app(db: Executor, app: App, name: str, *, now: datetime) -> None:
    """Give an app another name and let the one it has lead to it; raises `NameTaken`."""
    await claim_name(db, name, app_id=app.id, now=now)
    try:
        await db.execute(SQL["rename_app"], app.id, name)
    except asyncpg.UniqueViolationError as exc:
        raise NameTaken(kind="app", name=name) from exc
    await db.execute(SQL["add_app_alias"], app.name, app.id)


async def get_aliases(db: Executor, app_ids: Sequence[UUID]) -> list[list[str]]:
    """The names each of these apps had."""
    found: dict[UUID, list[str]] = {app_id: [] for app_id in app_ids}
    for row in await db.fetch(SQL["get_app_aliases"], list(app_ids)):
        found[row["app_id"]].append(row["name"])
    return [found[app_id] for app_id in app_ids]


async def load_aliases(db: Executor) -> dict[str, str]:
    """Every former name of a living app, and what that is called now."""
    return {row["former"]: row["name"] for row in await db.fetch(SQL["load_app_aliases"])}


async def rest_names(db: Executor, app_id: UUID, *, free_at: datetime) -> None:
    """Give the names of an app that is about to be purged to nobody for a while."""
    await db.execute(SQL["lock_app_names"])
    await db.execute(SQL["rest_app_names"], app_id, free_at)


async def delete_rested(db: Executor, now: datetime) -> None:
    """Forget names that have rested long enough."""
    await db.execute(SQL["delete_rested_names"], now)
