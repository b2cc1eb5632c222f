"""Dispatch: which sandbox runs an invocation. Lanes per version, over one pool of sandboxes."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.domain.invocation import Outcome
from picloud.domain.limits import Isolation
from picloud.domain.redaction import Redactor
from picloud.domain.source import Source
from picloud.executor.messages import InvocationFailed, LinkError
from picloud.executor.sandbox import SandboxState
from picloud.executor.usage import memory_bytes
from picloud.orchestrator.box import Box
from picloud.orchestrator.invocation import Invocation, redacted
from picloud.orchestrator.lane import Lane, LaneHands, LaneRules
from picloud.orchestrator.routing import RoutingTable
from picloud.orchestrator.upkeep import Upkeep
from picloud.orchestrator.wanted import Wanted

if TYPE_CHECKING:
    from picloud.config import Settings
    from picloud.executor.pool import SandboxPool
    from picloud.executor.sandbox import Sandbox
    from picloud.executor.sandbox_process import ExitStatus
    from picloud.orchestrator.services import Services
    from picloud.store.app_settings import AppSettings
    from picloud.store.database import Pool
    from picloud.store.routing import RouteRow

DIED: Final = "the sandbox died while it ran this invocation"
DELETED_GRACE: Final = 2.0  # seconds a deleted script's invocations have to end
KEEP_SECONDS: Final = 10.0  # from a source's check to the first request of its version
RETIRE_GRACE: Final = 5.0  # seconds an idle sandbox has to end by itself
BIND_TRIES: Final = 3  # sandboxes tried when somebody kills them in the middle of an import
MB: Final = 1024 * 1024

logger = logging.getLogger(__name__)


class Dispatcher:
    """Owns the routing table, the lanes and what sandboxes are bound with."""

    def __init__(
        self, *, settings: Settings, pool: SandboxPool, database: Pool, services: Services
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.table = RoutingTable()
        self.wanted = Wanted(database, settings.key_file)
        self._boxes: dict[Sandbox, Box] = {}
        self.upkeep = Upkeep(
            pool,
            self._boxes.values,
            idle_seconds=settings.sandbox_idle_seconds,
            growth_bytes=settings.sandbox_max_growth_mb * MB,
        )
        self._settings = settings
        self._pool = pool
        self._services = services
        self._rules = LaneRules(
            queue_size=settings.queue_size,
            queue_seconds=settings.queue_timeout_ms / 1000,
            max_stream=settings.max_stream_ms / 1000,
            max_invocations=settings.sandbox_max_invocations,
        )
        self._hands = LaneHands(
            bind=self._bind,
            can_bind=lambda: pool.blank > 0 or not pool.full,
            kill=pool.retire,
            retire=self._retire,
        )
        self._lanes: dict[UUID, Lane] = {}
        self._closed: list[Lane] = []  # which may still run what they had accepted
        self._kept: dict[bytes, Sandbox] = {}  # by the digest of the source they read

    def submit(self, invocation: Invocation) -> None:
        """Start an invocation or queue it. Raises Refused, InvocationFailed."""
        target = invocation.target
        lane = self._lanes.get(target.version_id)
        if lane is None or lane.target.app_revision < target.app_revision:
            lane = self._open_lane(target, lane)
        lane.submit(invocation)

    def replace_table(self, table: RoutingTable) -> None:
        """Serve by a new table; lanes that no longer serve finish what they have."""
        self.table = table
        for version_id, lane in list(self._lanes.items()):
            row = table.versions.get(version_id)
            if row is None or row.app_revision > lane.target.app_revision:
                self._close(self._lanes.pop(version_id))
        self.wanted.serve(table)

    async def secrets_of(self, target: RouteRow) -> Mapping[str, str]:
        """The secrets a version is given. Raises InvocationFailed, VaultError."""
        return (await self.wanted.app(target)).secrets_of(target.script_id)

    def unserved(self) -> set[UUID]:
        """The scripts of closed lanes that are not done: another version serves, or none."""
        self._closed = [lane for lane in self._closed if lane.busy]
        bound = {box.lane for box in self._boxes.values() if box.lane.closed}
        return {lane.target.script_id for lane in bound.union(self._closed)}

    def end_soon(self, script_ids: set[UUID]) -> None:
        """These scripts were deleted: what they run has a moment left."""
        if script_ids:
            self.loop.call_later(DELETED_GRACE, self._end, script_ids)

    def _end(self, script_ids: set[UUID]) -> None:
        boxes = list(self._boxes.values())
        lanes = {box.lane for box in boxes if box.lane.closed}.union(self._closed)
        for lane in lanes:
            if lane.target.script_id in script_ids:
                deleted = InvocationFailed(
                    Outcome.CANCELLED, "script_deleted", "The script was deleted."
                )
                lane.end(deleted, [box for box in boxes if box.lane is lane])

    def _close(self, lane: Lane) -> None:
        lane.close()
        self._closed.append(lane)

    def _open_lane(self, target: RouteRow, older: Lane | None) -> Lane:
        if older is not None:
            self._close(older)
        lane = Lane(target, self._rules, self._hands, self.upkeep)
        self._lanes[target.version_id] = lane
        return lane

    # -- binding -----------------------------------------------------------------------------

    async def _bind(self, lane: Lane) -> Box:
        """A blank sandbox becomes this lane's. Raises InvocationFailed when its import fails."""
        source = await self.wanted.source(lane.target.version_id)
        app = await self.wanted.app(lane.target)
        first = lane.waiting[0] if lane.waiting else None
        for tries_left in reversed(range(BIND_TRIES)):
            sandbox = await self._blank_for(lane, source)
            box = self._boxes[sandbox] = Box(lane, sandbox)
            sandbox.exited.add_done_callback(partial(self._forget, sandbox))
            box.first = first
            try:
                await self._import(box, source, app)
            except LinkError as error:
                ended = await sandbox.exited
                killed = ended.signal == signal.SIGKILL and not ended.out_of_memory
                if killed and sandbox.link.fault is None and tries_left:
                    continue
                raise _import_ended(lane.target, ended, error) from error
            return box
        raise AssertionError  # the last try returns or raises

    async def _import(self, box: Box, source: Source, app: AppSettings) -> None:
        """Bind a sandbox. Raises InvocationFailed, and LinkError when it ended."""
        target, sandbox = box.lane.target, box.sandbox
        import_ms = self._import_ms(target)
        sandbox.bind(target.version_id)
        copies = 2 if target.isolation is Isolation.INVOCATION else 1  # one to be put back
        sandbox.limit_memory(copies * target.limits.memory_mb)
        box.import_until = time.monotonic() + import_ms / 1000
        box.hide(Redactor(app.secrets_of(target.script_id).values()))
        try:
            await self._services.open(box, target.app_id, app.egress)
            bound = await sandbox.link.bind(
                self._bind_head(target, app), source.text.encode(), import_ms / 1000, source.files
            )
        except TimeoutError:
            self._pool.retire(sandbox)
            said = f"the import took longer than {import_ms} ms"
            raise InvocationFailed(Outcome.TIMEOUT, "timeout", said) from None
        except InvocationFailed as failure:
            self._pool.retire(sandbox)
            raise redacted(failure, box.redact) from None
        except BaseException as error:
            if isinstance(error, LinkError) and not sandbox.link.lost:
                sandbox.link.break_off(error)
            self._pool.retire(sandbox)
            raise
        box.first, box.import_until = None, 0.0
        box.memory_bound = sandbox.memory = memory_bytes(sandbox.pid)
        box.lane.took_kind(bound.kind)

    def _import_ms(self, target: RouteRow) -> int:
        """How long an import may take: it comes once, and even a script in a hurry may need it."""
        return max(target.limits.timeout_ms, self._settings.default_timeout_ms)

    def _bind_head(self, target: RouteRow, app: AppSettings) -> dict[str, object]:
        limits = target.limits
        return {
            "app": target.app_name,
            "script": target.script_name,
            "version": target.version_number,
            "filename": target.filename,
            "entry_points": target.entry_points,
            "isolation": target.isolation.value,
            "timeout_ms": limits.timeout_ms,
            "import_ms": self._import_ms(target),
            "memory_mb": limits.memory_mb,
            "answer_bytes": limits.response_bytes,
            "header_bytes": limits.header_bytes,
            "call_bytes": self._settings.egress_request_bytes,
            "log_bytes": limits.log_bytes,
            "log_line_bytes": limits.log_line_bytes,
            "concurrency": limits.concurrency,
            "stream_idle_ms": limits.stream_idle_ms,
            "env": app.env_of(target.script_id),
            "secrets": app.secrets_of(target.script_id),
        }

    async def _blank_for(self, lane: Lane, source: Source) -> Sandbox:
        """The sandbox that checked this very source, else a blank one."""
        kept = self._kept.pop(source.digest, None)
        if kept is not None and kept.state is SandboxState.BLANK and not kept.link.lost:
            kept.on_death = self._died
            return kept
        if not self._pool.blank:
            if self._pool.full:
                self.upkeep.make_room(lane)
            for invocation in lane.waiting:
                invocation.cold = True
        while (sandbox := await self._pool.acquire_blank(self._died)).link.lost:
            self._pool.retire(sandbox)
        return sandbox

    # -- sandboxes that read a source --------------------------------------------------------

    def keep(self, digest: bytes, sandbox: Sandbox) -> None:
        """Hold a sandbox that has read a source for the version that is about to be deployed."""
        earlier = self._kept.pop(digest, None)
        self._kept[digest] = sandbox
        if earlier is not None:
            self._retire(earlier)
        self.loop.call_later(KEEP_SECONDS, self._let_go, digest, sandbox)

    def _let_go(self, digest: bytes, sandbox: Sandbox) -> None:
        if self._kept.get(digest) is sandbox:
            del self._kept[digest]
            self._retire(sandbox)

    # -- endings -----------------------------------------------------------------------------

    def _died(self, sandbox: Sandbox) -> None:
        """Leave its lane at once; its invocations fail when it is known how it ended."""
        box = self._boxes.get(sandbox)
        if box is None:
            return
        serving = not box.leaving and box in box.lane.boxes
        box.leave()
        sandbox.exited.add_done_callback(lambda exited: _fell(box, exited.result(), serving))

    def _forget(self, sandbox: Sandbox, _: object) -> None:
        self._boxes.pop(sandbox, None)

    def _retire(self, sandbox: Sandbox) -> None:
        self._pool.retire(sandbox, grace=RETIRE_GRACE)


def _fell(box: Box, ended: ExitStatus, serving: bool) -> None:
    """A bound sandbox has ended by itself, was killed from outside, or broke the link."""
    fault = box.sandbox.link.fault
    if fault is not None:
        said = f"its sandbox broke the protocol and was stopped: {fault}"
        failure = InvocationFailed(Outcome.PLATFORM_ERROR, "link_broken", said)
    elif ended.out_of_memory:
        failure = _out_of_memory(box.lane.target)
    else:
        failure = InvocationFailed(Outcome.PLATFORM_ERROR, "sandbox_died", f"{DIED}: {ended}")
    if serving and not box.well:
        box.lane.crashes.died(failure.code, time.monotonic())
    # A host that leaves of itself, with code 0, does so between two invocations.
    box.die(failure, oldest_begun=fault is not None or ended.code != 0)


def _out_of_memory(target: RouteRow) -> InvocationFailed:
    said = f"the sandbox was ended: it used more than memory_mb={target.limits.memory_mb} allows"
    return InvocationFailed(Outcome.OUT_OF_MEMORY, "out_of_memory", said)


def _import_ended(target: RouteRow, ended: ExitStatus, error: LinkError) -> InvocationFailed:
    if ended.out_of_memory:
        return _out_of_memory(target)
    said = f"the import ended its sandbox: {error}: {ended}"
    return InvocationFailed(Outcome.SCRIPT_ERROR, "import_failed", said)
