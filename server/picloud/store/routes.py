"""Routes in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from picloud.domain.endpoint import OPEN, Cors, EndpointAuth, Guard, RateLimit
from picloud.domain.page import Page, PageRequest
from picloud.domain.route import Route, RouteTaken
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_pages

_TAKEN: Final = "route_shape_unique_in_app"
_OPEN: Final = ("{}", None, "[]")


async def add_route(db: Executor, route: Route) -> bool:
    """Store a route; False when another one of the app takes its requests."""
    added = await db.fetchval(
        SQL["add_route"],
        route.id,
        route.app_id,
        route.script_id,
        route.method,
        route.pattern,
        *_guard_columns(route.guard),
        route.created_by,
        route.created_at,
    )
    return added is not None


async def change_route(db: Executor, route: Route) -> None:
    """Store a route as it is now; raises `RouteTaken`."""
    try:
        await db.execute(
            SQL["change_route"],
            route.id,
            route.script_id,
            route.method,
            route.pattern,
            *_guard_columns(route.guard),
            route.updated_at,
        )
    except asyncpg.UniqueViolationError as exc:
        if exc.constraint_name == _TAKEN:
            raise RouteTaken(method=route.method, pattern=route.pattern) from exc
        raise


async def delete_route(db: Executor, route_id: UUID) -> None:
    """Remove a route."""
    await db.execute(SQL["delete_route"], route_id)


async def lock_app_routes(db: Executor, app_id: UUID) -> bool:
    """Hold the routes of an app against other changes until the end; False when it is gone."""
    return await db.fetchval(SQL["lock_app_routes"], app_id) is not None


async def find_route(db: Executor, route_id: UUID) -> Route | None:
    """A route by id."""
    row = await db.fetchrow(SQL["find_route"], route_id)
    return None if row is None else _route(row)


async def routes_by_id(db: Executor, ids: Sequence[UUID]) -> list[Route | None]:
    """Routes in the order of the ids."""
    return await get_many(db, "get_routes_by_id", ids, _route)


async def routes_of_scripts(db: Executor, script_ids: Sequence[UUID]) -> list[list[Route]]:
    """The routes of each script, by pattern."""
    rows = await db.fetch(SQL["get_routes"], list(script_ids))
    return _grouped(rows, script_ids, lambda route: route.script_id)


async def routes_of_apps(db: Executor, app_ids: Sequence[UUID]) -> list[list[Route]]:
    """The routes of each app, by pattern."""
    rows = await db.fetch(SQL["get_app_routes"], list(app_ids))
    return _grouped(rows, app_ids, lambda route: route.app_id)


async def list_routes(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[UUID]
) -> list[Page[Route]]:
    """A page of each app's routes."""
    return await list_pages(db, "list_routes", app_ids, request, _route)


async def app_rate_limits(
    db: Executor, app_ids: Sequence[UUID]
) -> list[tuple[RateLimit, ...] | None]:
    """The limits of apps in the order of the ids."""
    return await get_many(
        db, "get_app_rate_limits", app_ids, lambda row: rates_from_text(row["rate_limits"])
    )


async def set_app_rate_limits(db: Executor, app_id: UUID, limits: Sequence[RateLimit]) -> None:
    """Limit all routes of an app together."""
    await db.execute(SQL["set_app_rate_limits"], app_id, _rates_text(limits))


def guard_from_columns(auth: str, cors: str | None, rate_limits: str) -> Guard:
    """The guard of a row; most routes are open."""
    if (auth, cors, rate_limits) == _OPEN:
        return OPEN
    return Guard(
        auth=EndpointAuth.from_json(json.loads(auth)),
        cors=None if cors is None else Cors.from_json(json.loads(cors)),
        rate_limits=rates_from_text(rate_limits),
    )


def rates_from_text(text: str) -> tuple[RateLimit, ...]:
    """Rate limits as the database keeps them."""
    return tuple(RateLimit.from_json(each) for each in json.loads(text))


def _guard_columns(guard: Guard) -> tuple[str, str | None, str]:
    return (
        json.dumps(guard.auth.to_json()),
        None if guard.cors is None else json.dumps(guard.cors.to_json()),
        _rates_text(guard.rate_limits),
    )


def _rates_text(limits: Sequence[RateLimit]) -> str:
    return json.dumps([limit.to_json() for limit in limits])


def _grouped(
    rows: Sequence[asyncpg.Record], parents: Sequence[UUID], parent: Callable[[Route], UUID]
) -> list[list[Route]]:
    found: dict[UUID, list[Route]] = {each: [] for each in parents}
    for row in rows:
        route = _route(row)
        found[parent(route)].append(route)
    return [found[each] for each in parents]


def _route(row: asyncpg.Record) -> Route:
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN}
    return Route(**plain, guard=guard_from_columns(row["auth"], row["cors"], row["rate_limits"]))


_PLAIN: Final = (
    *("id", "app_id", "script_id", "method", "pattern", "created_by", "created_at", "updated_at"),
)
