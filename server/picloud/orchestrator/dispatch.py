"""Dispatch: which sandbox runs an invocation. Lanes per version, over one pool of sandboxes."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.domain.egress import EgressPolicy
from picloud.domain.invocation import Outcome
from picloud.executor.messages import InvocationFailed, LinkError
from picloud.orchestrator.invocation import Invocation
from picloud.orchestrator.lane import Box, Lane
from picloud.orchestrator.routing import RoutingTable
from picloud.store.routing import RouteRow, load_source

if TYPE_CHECKING:
    from picloud.config import Settings
    from picloud.executor.pool import SandboxPool
    from picloud.executor.sandbox import Sandbox
    from picloud.orchestrator.services import Services
    from picloud.store.database import Connection, Pool

logger = logging.getLogger(__name__)

DIED: Final = "the sandbox died while it ran this invocation"
KEEP_SECONDS: Final = 10.0  # from a source's check to the first request of its version
SOURCES_HELD: Final = 64 * 1024 * 1024  # characters of sources kept in memory
RETIRE_GRACE: Final = 5.0  # seconds an idle sandbox has to end by itself


class Dispatcher:
    """Owns the routing table, the lanes and the sources of the active versions."""

    def __init__(
        self, *, settings: Settings, pool: SandboxPool, database: Pool, services: Services
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.table = RoutingTable()
        self._settings = settings
        self._pool = pool
        self._database = database
        self._services = services
        self._lanes: dict[UUID, Lane] = {}
        self._sources: dict[UUID, str] = {}
        self._boxes: dict[Sandbox, Box] = {}
        self._kept: dict[str, Sandbox] = {}

    def submit(self, invocation: Invocation) -> None:
        """Start an invocation or queue it. Raises TooManyRequests, InvocationFailed."""
        lane = self._lanes.get(invocation.target.version_id)
        if lane is None:
            lane = self._open_lane(invocation.target)
        lane.submit(invocation)

    def replace_table(self, table: RoutingTable) -> None:
        """Serve by a new table; versions that no longer serve finish what they have."""
        self.table = table
        for version_id in [each for each in self._lanes if each not in table.versions]:
            self._lanes.pop(version_id).close()
        for version_id in [each for each in self._sources if each not in table.versions]:
            del self._sources[version_id]

    def _open_lane(self, target: RouteRow) -> Lane:
        settings = self._settings
        lane = Lane(
            target,
            bind=self._bind,
            kill=self._pool.retire,
            retire=self._retire,
            max_boxes=settings.max_sandboxes_per_script,
            queue_size=settings.queue_size,
            queue_seconds=settings.queue_timeout_ms / 1000,
            log_bytes=target.limits.log_bytes,
        )
        self._lanes[target.version_id] = lane
        return lane

    async def _bind(self, lane: Lane) -> Box:
        """A blank sandbox becomes this lane's. Raises InvocationFailed when its import fails."""
        target = lane.target
        source = await self._source(target)
        first = lane.waiting[0] if lane.waiting else None
        sandbox = await self._blank_for(lane, source)
        box = self._boxes[sandbox] = Box(lane, sandbox)
        sandbox.exited.add_done_callback(lambda _: self._boxes.pop(sandbox, None))
        sandbox.bind(target.version_id)
        box.first = first
        box.import_until = time.monotonic() + self._import_ms(target) / 1000
        try:
            await self._services.open(box, target.app_id, EgressPolicy())
            bound = await sandbox.link.bind(
                self._bind_head(target), source.encode(), self._import_ms(target) / 1000
            )
        except BaseException as error:
            self._pool.retire(sandbox)
            if isinstance(error, TimeoutError):
                said = f"the import took longer than {self._import_ms(target)} ms"
                raise InvocationFailed(Outcome.TIMEOUT, "timeout", said) from None
            if isinstance(error, LinkError):
                said = f"the import ended its sandbox: {error}"
                raise InvocationFailed(Outcome.SCRIPT_ERROR, "import_failed", said) from error
            raise
        box.first, box.import_until = None, 0.0
        lane.took_kind(bound.kind)
        return box

    def _import_ms(self, target: RouteRow) -> int:
        """How long an import may take: it comes once, and even a script in a hurry may need it."""
        return max(target.limits.timeout_ms, self._settings.default_timeout_ms)

    async def _blank_for(self, lane: Lane, source: str) -> Sandbox:
        """The sandbox that checked this very source, else a blank one."""
        kept = self._kept.pop(source, None)
        if kept is not None and not kept.link.lost:
            kept.on_death = self._died
            return kept
        self._make_room(lane)
        if not self._pool.blank:
            for invocation in lane.waiting:
                invocation.cold = True
        while (sandbox := await self._pool.acquire_blank(self._died)).link.lost:
            self._pool.retire(sandbox)
        return sandbox

    def keep(self, source: str, sandbox: Sandbox) -> None:
        """Hold a sandbox that has read a source for the version that is about to be deployed."""
        earlier = self._kept.pop(source, None)
        self._kept[source] = sandbox
        if earlier is not None:
            self._retire(earlier)
        self.loop.call_later(KEEP_SECONDS, self._let_go, source, sandbox)

    def _let_go(self, source: str, sandbox: Sandbox) -> None:
        if self._kept.get(source) is sandbox:
            del self._kept[source]
            self._retire(sandbox)

    def _died(self, sandbox: Sandbox) -> None:
        """Leave its lane at once; its invocations fail when it is known how it ended."""
        box = self._boxes.get(sandbox)
        if box is None:
            return
        box.leave()
        sandbox.exited.add_done_callback(
            lambda exited: box.die(
                InvocationFailed(
                    Outcome.PLATFORM_ERROR, "sandbox_died", f"{DIED}: {exited.result()}"
                )
            )
        )

    def _retire(self, sandbox: Sandbox) -> None:
        self._pool.retire(sandbox, grace=RETIRE_GRACE)

    def missing_sources(self) -> list[UUID]:
        """Active versions whose source is not in memory; none when memory holds enough."""
        if sum(map(len, self._sources.values())) >= SOURCES_HELD:
            return []
        return [each for each in self.table.versions if each not in self._sources]

    async def learn_source(self, db: Connection, version_id: UUID) -> None:
        """Fetch a source ahead: a first request then needs no database, nor one that is up."""
        source = await load_source(db, version_id)
        if source is not None:
            self._sources[version_id] = source

    async def _source(self, target: RouteRow) -> str:
        source = self._sources.get(target.version_id)
        if source is None:
            source = await load_source(self._database, target.version_id)
            if source is None:
                raise InvocationFailed(
                    Outcome.PLATFORM_ERROR, "sandbox_unavailable", "the version is gone"
                )
        return source

    def _bind_head(self, target: RouteRow) -> dict[str, object]:
        limits = target.limits
        return {
            "app": target.app_name,
            "script": target.script_name,
            "version": target.version_number,
            "filename": target.filename,
            "entry_points": target.entry_points,
            "timeout_ms": limits.timeout_ms,
            "memory_mb": limits.memory_mb,
            "log_bytes": limits.log_bytes,
            "log_line_bytes": limits.log_line_bytes,
            "answer_bytes": limits.response_bytes,
        }

    def _make_room(self, wanting: Lane) -> None:
        """At the machine's limit, the sandbox that idles longest gives way."""
        if not self._pool.full or self._pool.blank:
            return
        started = time.monotonic()
        for lane in sorted(self._lanes.values(), key=lambda lane: lane.last_used):
            if lane is not wanting and lane.release_idle():
                logger.info("a sandbox gave way", extra={"idle_seconds": started - lane.last_used})
                return
