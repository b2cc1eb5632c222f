"""Env variables of apps and scripts in PostgreSQL. An owner is an app or a script."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from picloud.domain.environment import EnvVariable
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import list_pages, without_parent


async def set_variable(db: Executor, variable: EnvVariable) -> None:
    """Give a variable a value."""
    await db.execute(
        SQL["set_env_variable"],
        variable.app_id,
        variable.script_id,
        variable.name,
        variable.value,
        variable.updated_by,
        variable.updated_at,
    )


async def unset_variables(db: Executor, owner_id: UUID, names: Sequence[str]) -> set[str]:
    """Forget variables and return which were there."""
    rows = await db.fetch(SQL["unset_env_variables"], owner_id, list(names))
    return {row["name"] for row in rows}


async def names_set(db: Executor, owner_id: UUID, names: Sequence[str]) -> set[str]:
    """Which of these names the owner has variables of."""
    rows = await db.fetch(SQL["env_variable_names_set"], owner_id, list(names))
    return {row["name"] for row in rows}


async def measure(db: Executor, owner_id: UUID) -> tuple[int, int]:
    """How many an owner has, and how many bytes their values are together."""
    row = await db.fetchrow(SQL["measure_env_variables"], owner_id)
    return (row["count"], row["size"]) if row else (0, 0)


async def list_variables(
    db: Executor, owner_ids: Sequence[UUID], request: PageRequest[str]
) -> list[Page[EnvVariable]]:
    """A page of each owner's variables."""
    return await list_pages(
        db, "list_env_variables", owner_ids, request, lambda row: EnvVariable(**without_parent(row))
    )
