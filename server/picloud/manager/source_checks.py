"""Source checks: a node looks at a source inside a sandbox, the manager never does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from picloud.domain.failures import NodeUnavailable, SourceFault, SourceRejected
from picloud.domain.ids import IdMaker
from picloud.domain.script import SourceInfo
from picloud.domain.source import Source
from picloud.manager.clock import Clock
from picloud.store import checks
from picloud.store.database import Pool, PoolConnection

TIMEOUT: Final = 15.0  # seconds until a deploy gives up
AT_ONCE: Final = 4  # each holds a database connection while it waits
ABANDONED_AFTER: Final = timedelta(minutes=10)


class SourceChecks:
    """Asks the nodes about sources."""

    def __init__(self, *, pool: Pool, ids: IdMaker, clock: Clock, timeout: float = TIMEOUT) -> None:
        self._pool = pool
        self._ids = ids
        self._clock = clock
        self._timeout = timeout
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def check(self, source: Source) -> SourceInfo:
        """What the source offers; raises `SourceRejected`, `NodeUnavailable`."""
        try:
            async with asyncio.timeout(self._timeout), self._slots, self._pool.acquire() as db:
                result = await self._ask(db, source)
        except TimeoutError as exc:
            raise NodeUnavailable from exc
        return read_result(result)

    async def forget_abandoned(self) -> None:
        """Delete the checks of managers that died."""
        await checks.delete_older(self._pool, self._clock() - ABANDONED_AFTER)

    async def _ask(self, db: PoolConnection, source: Source) -> dict[str, Any]:
        check_id = self._ids.new()
        done = asyncio.Event()

        def heard(_db: object, _pid: int, _channel: str, payload: object) -> None:
            if payload == str(check_id):
                done.set()

        await db.add_listener(checks.CHECKED, heard)
        try:
            await checks.add_check(db, id=check_id, source=source, created_at=self._clock())
            while (result := await checks.read_result(db, check_id)) is None:
                done.clear()
                await done.wait()
            return result
        finally:
            await self._forget(db, check_id, heard)

    async def _forget(self, db: PoolConnection, check_id: Any, heard: Any) -> None:
        if db.is_closed():
            return
        await db.remove_listener(checks.CHECKED, heard)
        await checks.delete_check(db, check_id)


def read_result(result: Mapping[str, Any]) -> SourceInfo:
    """Turn a node's answer into what it found, or raise what is wrong with the source."""
    if result.get("ok") is True:
        return SourceInfo(
            entry_points=tuple(str(name) for name in result["entry_points"]),
            kind=str(result["kind"]),
            runtime=str(result.get("runtime", "pyodide")),
        )
    error: Mapping[str, Any] = result.get("error") or {}
    raise SourceRejected(
        SourceFault(
            code=str(error.get("code", "source_invalid")),
            message=str(error.get("message", "The source cannot be deployed.")),
            filename=_text(error.get("filename")),
            line=_positive(error.get("line")),
            column=_positive(error.get("column")),
            text=_text(error.get("text")),
        )
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 2**31 else None
