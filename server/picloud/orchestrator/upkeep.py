"""When bound sandboxes go: idle for long, grown, or in the way of others.

Nothing here polls: sandboxes are looked at when they fall idle or run, and one timer waits for
the moment the first idle one is due.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from picloud.executor.usage import memory_bytes

if TYPE_CHECKING:
    from picloud.executor.pool import SandboxPool
    from picloud.orchestrator.box import Box
    from picloud.orchestrator.lane import Lane

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 3.0  # seconds between two looks at the memory of one sandbox


class Upkeep:
    """Retires the bound sandboxes of a node by the rules of docs/adr/0011."""

    def __init__(
        self,
        pool: SandboxPool,
        boxes: Callable[[], Iterable[Box]],
        *,
        idle_seconds: int,
        growth_bytes: int,
    ) -> None:
        self._pool = pool
        self._boxes = boxes
        self._idle_seconds = idle_seconds
        self._growth_bytes = growth_bytes
        self._timer: asyncio.TimerHandle | None = None

    def fell_idle(self, box: Box) -> None:
        """A sandbox has nothing to run."""
        if self._timer is None and self._idle_seconds:
            self._wait(self._idle_seconds)
        self.examine(box, box.last_ended)
        if self._pool.starved:
            self.make_room()

    def examine(self, box: Box, now: float) -> None:
        """Look at a sandbox's memory, now and then."""
        if now - box.memory_checked < LOOK_EVERY:
            return
        box.memory_checked = now
        used = box.sandbox.memory = memory_bytes(box.sandbox.pid)
        if used - box.memory_bound > self._growth_bytes:
            grown = (used - box.memory_bound) // 2**20
            box.lane.recycle(box, f"sandbox_max_growth_mb: it grew by {grown} MB", hot=True)
        if self._pool.over_memory:
            self.make_room()

    def make_room(self, wanting: Lane | None = None) -> None:
        """Retire the sandbox that idles longest, of another lane than the one that wants one."""
        idle = [box for box in self._idle() if box.lane is not wanting]
        if idle:
            oldest = min(idle, key=lambda box: box.last_ended)
            seconds = time.monotonic() - oldest.last_ended
            logger.info("a sandbox idle for %.0f s gave way", seconds)
            oldest.lane.release(oldest)

    def close(self) -> None:
        """Look no further."""
        self._idle_seconds = 0
        if self._timer is not None:
            self._timer.cancel()

    def _idle(self) -> list[Box]:
        return [
            box
            for box in self._boxes()
            if not box.running and not box.dead and not box.import_until
        ]

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(seconds, 0.01), self._retire_unused)

    def _retire_unused(self) -> None:
        self._timer = None
        now = time.monotonic()
        idle = self._idle()
        for box in idle:
            if now - box.last_ended >= self._idle_seconds:
                box.lane.release(box)
        left = [box.last_ended for box in idle if not box.dead]
        if left:
            self._wait(min(left) + self._idle_seconds - now)
