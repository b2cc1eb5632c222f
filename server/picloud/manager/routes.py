"""Making, changing and removing routes, and limiting all routes of an app together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict
from uuid import UUID

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction, Details
from picloud.domain.endpoint import Cors, EndpointAuth, Guard, RateLimit, rate_faults
from picloud.domain.failures import FieldFault, NotFound, require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.quota import Quota
from picloud.domain.route import (
    RESERVED,
    Route,
    RouteTaken,
    parse_method,
    parse_pattern,
)
from picloud.domain.script import Script
from picloud.domain.user import Actor
from picloud.manager.access import app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.quotas import Quotas
from picloud.store import apps, routes, routing, scripts
from picloud.store.database import Executor, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRoute:
    """What a route is to be; no method: any."""

    app: str
    script: str
    method: str | None
    pattern: str
    guard: Guard


class RouteChange(TypedDict, total=False):
    """What is to be different; what is left out stays."""

    script: str
    method: str | None
    pattern: str
    auth: EndpointAuth
    cors: Cors | None
    rate_limits: tuple[RateLimit, ...]


class Routes:
    """What a member may do with the routes of an app.

    Every method raises `NotFound`, `PermissionDenied` and `InvalidInput`.
    """

    def __init__(
        self, *, pool: Pool, quotas: Quotas, ids: IdMaker, clock: Clock, audit: Audit
    ) -> None:
        self._pool = pool
        self._quotas = quotas
        self._ids = ids
        self._clock = clock
        self._audit = audit

    async def create(self, actor: Actor, new: NewRoute) -> Route:
        """Lead requests to a script; raises `RouteTaken`, `QuotaExceeded` too."""
        app = await app_for(self._pool, actor, new.app, Permission.ROUTES_CHANGE)
        method, pattern = _checked(new.method, new.pattern)
        require_valid(new.guard.faults())
        async with self._pool.acquire() as db, db.transaction():
            await _hold(db, app)
            script = await _script(db, app, new.script)
            route = Route(
                id=self._ids.new(),
                app_id=app.id,
                script_id=script.id,
                method=method,
                pattern=pattern,
                guard=new.guard,
                created_by=actor.user.id,
                created_at=self._clock(),
            )
            async with self._quotas.within(db, app, Quota.ROUTES):
                if not await routes.add_route(db, route):
                    raise RouteTaken(method=method, pattern=pattern)
            await self._audit.record(
                db,
                actor,
                AuditAction.ROUTE_CREATE,
                app=app,
                target=_name(route),
                after=_details(route, script),
            )
            await routing.notify_routes(db)
        return route

    async def update(self, actor: Actor, route_id: UUID, change: RouteChange) -> Route:
        """Lead a route elsewhere or guard it otherwise; raises `RouteTaken` too."""
        app = await self._app_of(actor, route_id)
        async with self._pool.acquire() as db, db.transaction():
            await _hold(db, app)
            before = await _route(db, route_id)
            old_script = await _script_by_id(db, before.script_id)
            script = await _script(db, app, change["script"]) if "script" in change else old_script
            route = _changed(before, change, script)
            require_valid(route.guard.faults())
            route = replace(route, updated_at=self._clock())
            await routes.change_route(db, route)
            await self._audit.record(
                db,
                actor,
                AuditAction.ROUTE_UPDATE,
                app=app,
                target=_name(before),
                before=_details(before, old_script),
                after=_details(route, script),
            )
            await routing.notify_routes(db)
        return route

    async def delete(self, actor: Actor, route_id: UUID) -> Route:
        """Remove a route, and return what it was."""
        app = await self._app_of(actor, route_id)
        async with self._pool.acquire() as db, db.transaction():
            await _hold(db, app)
            route = await _route(db, route_id)
            script = await _script_by_id(db, route.script_id)
            await routes.delete_route(db, route.id)
            await self._audit.record(
                db,
                actor,
                AuditAction.ROUTE_DELETE,
                app=app,
                target=_name(route),
                before=_details(route, script),
            )
            await routing.notify_routes(db)
        return route

    async def limit_app(self, actor: Actor, app_name: str, limits: Sequence[RateLimit]) -> App:
        """Limit all routes of an app together; no limits: as often as anybody likes."""
        app = await app_for(self._pool, actor, app_name, Permission.ROUTES_CHANGE)
        require_valid(rate_faults(limits))
        async with self._pool.acquire() as db, db.transaction():
            await _hold(db, app)
            [before] = await routes.app_rate_limits(db, [app.id])
            await routes.set_app_rate_limits(db, app.id, limits)
            await self._audit.record(
                db,
                actor,
                AuditAction.RATE_LIMITS_SET,
                app=app,
                target=app.name,
                before={"rateLimits": list(map(str, before or ()))},
                after={"rateLimits": list(map(str, limits))},
            )
            await routing.notify_routes(db)
        return app

    async def _app_of(self, actor: Actor, route_id: UUID) -> App:
        """The app of a route the actor may change; who may not know it hears of no route."""
        route = await _route(self._pool, route_id)
        [app] = await apps.get_apps(self._pool, [route.app_id])
        if app is None:
            raise NotFound(kind="route")
        try:
            return await app_for(self._pool, actor, app.name, Permission.ROUTES_CHANGE)
        except NotFound:
            raise NotFound(kind="route") from None


def _checked(method: str | None, pattern: str) -> tuple[str | None, str]:
    """Method and pattern as they are kept. Raises `InvalidInput`."""
    parsed = parse_pattern(pattern)
    if parsed.is_reserved:
        rule = f"must not begin with /{RESERVED}: that part of every app is the platform's own"
        require_valid([FieldFault("pattern", rule)])
    return parse_method(method or ""), parsed.text


def _changed(route: Route, change: RouteChange, script: Script) -> Route:
    method, pattern = _checked(
        change.get("method", route.method), change.get("pattern", route.pattern)
    )
    guard = Guard(
        auth=change.get("auth", route.guard.auth),
        cors=change.get("cors", route.guard.cors),
        rate_limits=change.get("rate_limits", route.guard.rate_limits),
    )
    return replace(route, script_id=script.id, method=method, pattern=pattern, guard=guard)


async def _hold(db: Executor, app: App) -> None:
    if not await routes.lock_app_routes(db, app.id):
        raise NotFound(kind="app", name=app.name)


async def _route(db: Executor, route_id: UUID) -> Route:
    route = await routes.find_route(db, route_id)
    if route is None:
        raise NotFound(kind="route")
    return route


async def _script(db: Executor, app: App, name: str) -> Script:
    script = await scripts.find_script(db, app_id=app.id, name=name)
    if script is None:
        raise NotFound(kind="script", name=f"{app.name}/{name}")
    return script


async def _script_by_id(db: Executor, script_id: UUID) -> Script:
    [script] = await scripts.get_scripts(db, [script_id])
    if script is None:
        raise NotFound(kind="route")  # its script is being deleted, and it with it
    return script


def _name(route: Route) -> str:
    return f"{route.method or 'ANY'} {route.pattern}"


def _details(route: Route, script: Script) -> Details:
    guard = route.guard
    return {
        "method": route.method,
        "pattern": route.pattern,
        "script": script.name,
        "auth": {"kind": guard.auth.kind.value, **guard.auth.to_json()},
        "cors": None if guard.cors is None else guard.cors.to_json(),
        "rateLimits": [str(limit) for limit in guard.rate_limits],
    }
