"""The sandboxes of one version and the invocations that wait for one.

A sandbox runs sync handlers one at a time in the order they were sent, so quick ones are sent
ahead ("pipelined") instead of costing a round trip each. Only the oldest of them may have begun:
when the sandbox dies, that one fails and the others start again elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from picloud.domain.invocation import Outcome
from picloud.domain.limits import Isolation
from picloud.errors import PiCloudError
from picloud.executor.messages import InvocationFailed
from picloud.orchestrator.box import Box
from picloud.orchestrator.crashes import Crashes
from picloud.orchestrator.invocation import Invocation
from picloud.orchestrator.refusals import CrashLoop, TooManyRequests
from picloud.store.database import DATABASE_LOST
from picloud.store.key_file import VaultError

if TYPE_CHECKING:
    from picloud.executor.sandbox import Sandbox
    from picloud.orchestrator.upkeep import Upkeep
    from picloud.store.routing import RouteRow

logger = logging.getLogger(__name__)

INTERLEAVED: Final = frozenset(("async", "asgi"))
PIPELINE_DEPTH: Final = 64  # sync invocations sent ahead, at most
PIPELINE_SECONDS: Final = 0.010  # work sent ahead: nobody waits longer behind quick handlers
ONE_AHEAD_SECONDS: Final = 0.1  # below this pace one is sent ahead: no gap between two
GROW_AFTER: Final = 0.02  # seconds somebody waits before a further sandbox is bound


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """What the node's settings say about every lane."""

    queue_size: int
    queue_seconds: float
    max_stream: float  # seconds a streamed answer may take
    max_invocations: int  # of one sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneHands:
    """What a lane can have done."""

    bind: Callable[[Lane], Awaitable[Box]]
    can_bind: Callable[[], bool]
    kill: Callable[[Sandbox], None]
    retire: Callable[[Sandbox], None]


class Lane:
    """One version's sandboxes, queue and pace, for one revision of its app's settings."""

    def __init__(
        self, target: RouteRow, rules: LaneRules, hands: LaneHands, upkeep: Upkeep
    ) -> None:
        limits = target.limits
        self.target = target
        self.upkeep = upkeep
        self.kill = hands.kill
        self.log_bytes = limits.log_bytes
        self.timeout = limits.timeout_ms / 1000
        self.stream_idle = limits.stream_idle_ms / 1000
        self.max_stream = rules.max_stream
        self.max_invocations = rules.max_invocations
        self.boxes: list[Box] = []
        self.waiting: deque[Invocation] = deque()
        self.crashes = Crashes()
        self.closed = False
        self._over: InvocationFailed | None = None  # why nothing is run any more
        self.pace = 0.0  # seconds an invocation takes, smoothed
        self._one_by_one = target.isolation is Isolation.INVOCATION
        self.took_kind(target.kind)
        self._hands = hands
        self._max_boxes = limits.sandboxes
        self._queue_size = rules.queue_size
        self._queue_seconds = rules.queue_seconds
        self._worn: list[Box] = []  # serve until their successor has come
        self._binding: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- requests ----------------------------------------------------------------------------

    def submit(self, invocation: Invocation) -> None:
        """Start an invocation or queue it. Raises TooManyRequests, CrashLoop."""
        if not self.waiting and (box := self._with_room()) is not None:
            box.start(invocation)
            return
        if len(self.waiting) >= self._queue_size:
            said = f"queue_size={self._queue_size} requests wait already"
            raise TooManyRequests(said, retry_after=1)
        if not self.boxes and (refusal := self.crashes.refusal(time.monotonic())) is not None:
            raise refusal
        self.waiting.append(invocation)
        if not self.boxes:
            self._grow()
        self._watch_queue()

    def feed(self) -> None:
        """Hand waiting invocations to sandboxes with room."""
        while self.waiting:
            box = self._with_room()
            if box is None:
                return
            invocation = self.waiting.popleft()
            if not invocation.response.done():
                box.start(invocation)
        if self.closed:
            self._retire_idle()

    def _with_room(self) -> Box | None:
        """An idle sandbox, else the first that takes one more ahead."""
        room = None
        for box in self.boxes:
            running = len(box.running)
            if not running:
                return box
            if running < self.depth and room is None and not box.link.congested:
                room = box
        return room

    def took_kind(self, kind: str) -> None:
        """What the import showed: async handlers interleave, all others run in order."""
        self.in_order = kind not in INTERLEAVED or self._one_by_one
        if not self.in_order:
            self.depth = self.target.limits.concurrency
        elif not self.pace:
            self.depth = 1

    def took_time(self, seconds: float) -> None:
        """Learn the pace: quick sync handlers are sent ahead."""
        self.pace += (seconds - self.pace) / (8 if self.pace else 1)
        if self.in_order:
            ahead = int(PIPELINE_SECONDS / (self.pace + 1e-9))
            least = 2 if self.pace < ONE_AHEAD_SECONDS else 1
            self.depth = max(least, min(PIPELINE_DEPTH, ahead))

    # -- sandboxes that come and go ----------------------------------------------------------

    def lost(self, box: Box, again: list[Invocation]) -> None:
        """A sandbox of this lane is gone."""
        box.leave()
        for invocation in reversed(again):
            invocation.redispatched += 1
            self.waiting.appendleft(invocation)
        if self.waiting:
            self.feed()
            if self.waiting and not self.boxes:
                self._grow()
            self._watch_queue()

    def recycle(self, box: Box, why: str, *, hot: bool) -> None:
        """A sandbox has served its time. While requests come, its successor is bound first."""
        if box in self._worn or box.leaving:
            return
        logger.info("a sandbox of %s is recycled: %s", self.target.script_name, why)
        may_bind = not self.closed and self._hands.can_bind()
        if hot and may_bind and self.crashes.refusal(time.monotonic()) is None:
            self._worn.append(box)
            self._grow()
        else:
            self._put_out(box)

    def release(self, box: Box) -> None:
        """Give up an idle sandbox: its place is wanted, or nobody has used it for long."""
        box.dead = True
        box.leave()
        self._hands.retire(box.sandbox)

    def let_go(self, box: Box) -> None:
        """A sandbox that has left has ended what it ran."""
        if not box.dead:
            box.dead = True
            self._hands.retire(box.sandbox)

    def close(self) -> None:
        """No new invocations come; what was accepted still ends on this version."""
        self.closed = True
        self._retire_idle()

    @property
    def busy(self) -> bool:
        """Whether somebody is served or waits."""
        return bool(self.boxes or self.waiting or self._binding is not None)

    def end(self, failure: InvocationFailed, boxes: Iterable[Box]) -> None:
        """The script is gone: what it runs in its sandboxes, and who waits, fails now."""
        self.closed, self._over = True, failure
        for box in boxes:
            self._hands.kill(box.sandbox)
            box.sandbox.kill()  # also one that was asked to end by itself
            box.die(failure)
        self._fail_waiting(failure)

    def _put_out(self, box: Box) -> None:
        """No further invocations; it goes when those it has have ended."""
        box.leave()
        if not box.running:
            self.let_go(box)

    def _retire_idle(self) -> None:
        if not self.waiting:
            for box in [box for box in self.boxes if not box.running]:
                self.release(box)

    def _grow(self) -> None:
        """Bind one more sandbox, one at a time."""
        if self._over is not None:
            self._fail_waiting(self._over)
            return
        if self._binding is not None or len(self.boxes) - len(self._worn) >= self._max_boxes:
            return
        refusal = self.crashes.refusal(time.monotonic())
        if refusal is None:
            self._binding = asyncio.get_running_loop().create_task(self._bind_one())
        elif not self.boxes:
            self._refuse_waiting(refusal)

    async def _bind_one(self) -> None:
        try:
            box = await self._hands.bind(self)
        except InvocationFailed as failure:
            self._binding = None
            self.crashes.import_failed(failure.code, time.monotonic())
            if not self.boxes:
                self._fail_waiting(failure)
        except (PiCloudError, *DATABASE_LOST) as error:
            self._binding = None
            logger.warning("no sandbox for %s: %s", self.target.script_name, error)
            code = error.code if isinstance(error, VaultError) else "sandbox_unavailable"
            if not self.boxes:
                self._fail_waiting(InvocationFailed(Outcome.PLATFORM_ERROR, code, str(error)))
        else:
            self._binding = None
            self.boxes.append(box)
            self.upkeep.fell_idle(box)
            self.feed()
        finally:
            self._binding = None
            worn, self._worn = self._worn, []
            for box in worn:
                self._put_out(box)

    # -- those who wait ----------------------------------------------------------------------

    def _fail_waiting(self, failure: InvocationFailed) -> None:
        while self.waiting:
            self.waiting.popleft().fail(failure)

    def _refuse_waiting(self, refusal: CrashLoop) -> None:
        while self.waiting:
            self.waiting.popleft().refuse(refusal)

    def _watch_queue(self) -> None:
        """While somebody waits: grow after a moment, give up after queue_timeout_ms."""
        if self._timer is None and self.waiting:
            self._timer = asyncio.get_running_loop().call_later(GROW_AFTER, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self.waiting and now - self.waiting[0].arrived > self._queue_seconds:
            said = f"waited queue_timeout_ms={int(self._queue_seconds * 1000)} for a sandbox"
            self.waiting.popleft().refuse(TooManyRequests(said, retry_after=1))
        if self.waiting:
            if not self.boxes or now - self.waiting[0].arrived >= GROW_AFTER:
                self._grow()
            self._watch_queue()
