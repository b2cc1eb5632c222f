"""Purging what was deleted, when its time for an undo has run out.

There is one timer, to the next due moment; nothing polls. What became due while no manager ran is
found at the start.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from picloud.domain.deletion import DeletionRules
from picloud.manager.clock import Clock
from picloud.store import app_names, deletions
from picloud.store.database import DATABASE_LOST, Pool

logger = logging.getLogger(__name__)

RETRY: Final = timedelta(minutes=1)  # after the database was away


class Purges:
    """Waits for what is due and purges it. `run` is its loop, for the life of the manager."""

    def __init__(self, *, pool: Pool, rules: DeletionRules, clock: Clock) -> None:
        self._pool = pool
        self._rules = rules
        self._clock = clock
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something was deleted: the next due moment may be another one."""
        self._changed.set()

    async def run(self) -> None:
        """Purge for ever."""
        while True:
            self._changed.clear()
            try:
                await self.purge_due()
                due = await deletions.next_purge(self._pool)
            except DATABASE_LOST as exc:
                logger.warning("purging waits for the database", extra={"reason": repr(exc)})
                due = self._clock() + RETRY
            left = None if due is None else max(0.0, (due - self._clock()).total_seconds())
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def purge_due(self) -> None:
        """Purge everything that is due now."""
        now = self._clock()
        for app_id in await deletions.due_apps(self._pool, now):
            for script_id in await deletions.scripts_of_app(self._pool, app_id):
                await deletions.purge_records(self._pool, script_id)
            async with self._pool.acquire() as db, db.transaction():
                free_at = now + self._rules.name_rest
                await deletions.purge_app(db, app_id, now=now, free_at=free_at)
            logger.info("a deleted app was purged", extra={"app": str(app_id)})
        for script_id in await deletions.due_scripts(self._pool, now):
            await deletions.purge_records(self._pool, script_id)
            await deletions.purge_script(self._pool, script_id, now=now)
            logger.info("a deleted script was purged", extra={"script": str(script_id)})
        await app_names.delete_rested(self._pool, now)
