"""Quotas of apps: the wall in every use case that adds to an app, and an admin's exceptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction, Details
from picloud.domain.failures import NotFound, require_valid
from picloud.domain.quota import Quota, Usage, changed, quota_faults, require_within
from picloud.domain.user import Actor
from picloud.manager.access import held_app_for
from picloud.manager.audit import Audit
from picloud.store import quotas
from picloud.store.database import Pool, PoolConnection


class Quotas:
    """What apps may have. `instance` holds where an app has no quota of its own."""

    def __init__(self, *, pool: Pool, instance: Mapping[Quota, int], audit: Audit) -> None:
        self._pool = pool
        self._audit = audit
        self.instance = instance

    @asynccontextmanager
    async def within(self, db: PoolConnection, app: App, *watched: Quota) -> AsyncIterator[None]:
        """Hold an app, and let the block add to it in the same transaction.

        Raises `QuotaExceeded` when it then has more than it may, `NotFound` when it is gone.
        """
        if not await quotas.hold_app(db, app.id):
            raise NotFound(kind="app", name=app.name)
        before = await self._usage(db, app)
        yield
        after = await self._usage(db, app)
        for quota in watched:
            require_within(before.of(quota, self.instance), after.of(quota, self.instance))

    async def set(self, actor: Actor, app_name: str, given: Mapping[Quota, int | None]) -> App:
        """Give an app quotas of its own, or with None the instance's again; for admins.

        Raises `NotFound`, `PermissionDenied`, `InvalidInput`.
        """
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.QUOTAS_CHANGE)
            require_valid(quota_faults(given))
            before = await self._usage(db, app)
            after = changed(before, given)
            await quotas.set_quotas(db, app.id, after.own)
            await self._audit.record(
                db,
                actor,
                AuditAction.APP_QUOTA_SET,
                app=app,
                target=app.name,
                before=_shown(before),
                after=_shown(after),
            )
        return app

    async def _usage(self, db: PoolConnection, app: App) -> Usage:
        [usage] = await quotas.get_usage(db, [app.id])
        if usage is None:
            raise NotFound(kind="app", name=app.name)
        return usage


def _shown(usage: Usage) -> Details:
    return {quota.value: most for quota, most in usage.own.items()}
