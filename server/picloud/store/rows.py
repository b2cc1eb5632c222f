"""How rows become values, and how pages are read: one statement for any number of lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from picloud.domain.page import Page, PageRequest, cut
from picloud.store.database import Executor
from picloud.store.queries import SQL

T = TypeVar("T")


async def get_many(
    db: Executor, query: str, ids: Sequence[UUID], from_row: Callable[[asyncpg.Record], T]
) -> list[T | None]:
    """The values of these ids in the order of the ids, None where there is none."""
    rows = await db.fetch(SQL[query], list(ids))
    found = {row["id"]: from_row(row) for row in rows}
    return [found.get(key) for key in ids]


async def list_page(
    db: Executor,
    query: str,
    request: PageRequest[Any],
    from_row: Callable[[asyncpg.Record], T],
    *more: object,
) -> Page[T]:
    """A page of a list that has no parent."""
    rows = await db.fetch(
        _statement(query, request), request.limit, request.after, request.before, *more
    )
    return cut([from_row(row) for row in rows], request)


async def list_pages(
    db: Executor,
    query: str,
    parents: Sequence[UUID],
    request: PageRequest[Any],
    from_row: Callable[[asyncpg.Record], T],
    *more: object,
    width: int = 1,
) -> list[Page[T]]:
    """The same page of each parent's list; `width` is how many columns the key has."""
    keys = [*_spread(request.after, width), *_spread(request.before, width)]
    rows = await db.fetch(_statement(query, request), list(parents), request.limit, *keys, *more)
    found: dict[UUID, list[T]] = {parent: [] for parent in parents}
    for row in rows:
        found[row["parent_id"]].append(from_row(row))
    return [cut(found[parent], request) for parent in parents]


def without_parent(row: asyncpg.Record) -> dict[str, Any]:
    """The columns of an item of `list_pages`, without the one that says whose it is."""
    return {name: value for name, value in row.items() if name != "parent_id"}


def _statement(query: str, request: PageRequest[Any]) -> str:
    return SQL[f"{query}_backwards" if request.from_end else query]


def _spread(key: Any, width: int) -> Sequence[object]:
    if key is None:
        return (None,) * width
    return (key,) if width == 1 else tuple(key)
