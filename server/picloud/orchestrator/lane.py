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
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast

from picloud.domain.invocation import Outcome
from picloud.errors import Expected, PiCloudError
from picloud.executor.exchange import Exchange
from picloud.executor.link import Link
from picloud.executor.messages import InvocationFailed
from picloud.orchestrator.invocation import Invocation
from picloud.store.database import DATABASE_LOST

if TYPE_CHECKING:
    from picloud.executor.sandbox import Sandbox
    from picloud.store.routing import RouteRow

logger = logging.getLogger(__name__)

INTERLEAVED: Final = frozenset(("async", "asgi"))
ASYNC_DEPTH: Final = 32  # interleaved invocations of async handlers in one sandbox
PIPELINE_DEPTH: Final = 64  # sync invocations sent ahead, at most
PIPELINE_SECONDS: Final = 0.010  # work sent ahead: nobody waits longer behind quick handlers
ONE_AHEAD_SECONDS: Final = 0.1  # below this pace one is sent ahead: no gap between two
GROW_AFTER: Final = 0.02  # seconds somebody waits before a further sandbox is bound
CANCEL_GRACE: Final = 0.5  # seconds an async handler has to stop after its deadline
IMPORT_BACK_OFF: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # after an import that failed
SLOW_AFTER: Final = 1.0  # seconds until we begin to watch whether the caller is still there
MOST_RESTARTS: Final = 3  # of an invocation whose sandboxes died before its turn came


class TooManyRequests(Expected):
    """This script has more requests waiting than its queue holds."""

    code = "too_many_requests"
    status = 429


class Box:
    """A sandbox bound to a lane's version. Owner of its link."""

    def __init__(self, lane: Lane, sandbox: Sandbox) -> None:
        self.lane = lane
        self.sandbox = sandbox
        self.link: Link = sandbox.link
        self.running: deque[Invocation] = deque()
        self.first: Invocation | None = None  # whose arrival bound it: import output is its
        self.import_until = 0.0  # the end of its import's time, while it is imported
        self.last_ended = time.monotonic()
        self.dead = False
        self._timer: asyncio.TimerHandle | None = None
        self.link.owner = self

    def caller(self, stream: int) -> tuple[Invocation | None, float] | None:
        """Whose call it is and until when; a task of no invocation calls for the oldest."""
        if self.import_until:
            return self.first, self.import_until
        if stream == 0 and self.running:
            invocation = self.running[0]
            return invocation, self._deadline(invocation)
        exchange = self.link.open_exchanges.get(stream)
        if exchange is None:
            return None
        invocation = cast(Invocation, exchange)
        return invocation, self._deadline(invocation)

    def start(self, invocation: Invocation) -> None:
        """Send an invocation to the sandbox."""
        self.running.append(invocation)
        self.link.start(invocation, time.monotonic())
        if self._timer is None:
            self._watch(time.monotonic())

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        """A log record from the sandbox."""
        invocation = self.first if exchange is None else cast(Invocation, exchange)
        if invocation is not None:
            invocation.took_log(payload, self.lane.log_bytes)

    def exchange_ended(self, exchange: Exchange) -> None:
        """The sandbox is done with an invocation: room for the next."""
        now = time.monotonic()
        if self.link.calls is not None and self.link.calls.open:
            self.link.calls.invocation_ended(exchange)
        if self.running and self.running[0] is exchange:
            self.running.popleft()
        elif exchange in self.running:
            self.running.remove(cast(Invocation, exchange))
        begun = exchange.started if exchange.started > self.last_ended else self.last_ended
        self.last_ended = now
        self.lane.took_time(now - begun)
        self.lane.feed()

    def leave(self) -> None:
        """Take no further invocations."""
        if self in self.lane.boxes:
            self.lane.boxes.remove(self)

    def die(self, oldest: InvocationFailed) -> None:
        """Leave the lane: what may have begun fails, the rest starts again elsewhere."""
        if self.dead:
            return
        self.dead = True
        if self._timer is not None:
            self._timer.cancel()
        again: list[Invocation] = []
        for index, invocation in enumerate(self.running):
            begun = index == 0 or not self.lane.in_order or invocation.streamed
            if begun or invocation.redispatched >= MOST_RESTARTS:
                invocation.fail(oldest)
            else:
                again.append(invocation)
        self.running.clear()
        self.lane.lost(self, again)

    def _watch(self, now: float) -> None:
        """Wake at the next deadline, or after a second to look for callers that left."""
        due = min(self._deadline(each) for each in self._begun())
        self._timer = asyncio.get_running_loop().call_later(
            max(0.001, min(due - now, SLOW_AFTER)), self._tick
        )

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        for invocation in list(self._begun()):
            if now >= self._deadline(invocation) and not self._expire(invocation):
                return
            if now - invocation.arrived >= SLOW_AFTER:
                invocation.watch_caller()
        if self.running:
            self._watch(now)

    def _begun(self) -> list[Invocation]:
        if self.lane.in_order:
            return [self.running[0]] if self.running else []
        return list(self.running)

    def _deadline(self, invocation: Invocation) -> float:
        """When it must have ended; in a queue the clock starts when its turn comes."""
        begun = invocation.started
        if self.lane.in_order:
            begun = max(begun, self.last_ended)
        grace = CANCEL_GRACE if invocation.cancelled else 0.0
        return begun + self.lane.target.limits.timeout_ms / 1000 + grace

    def _expire(self, invocation: Invocation) -> bool:
        """Stop an invocation at its deadline. False when the whole sandbox had to go."""
        failure = timed_out(self.lane.target)
        if not self.lane.in_order and not invocation.cancelled:
            invocation.note(40, failure.message)
            invocation.cancel()
            invocation.abandon(failure)
            return True
        if not invocation.abandoned:
            invocation.note(40, f"{failure.message}; its sandbox was stopped")
        self.die(failure)
        self.lane.kill(self.sandbox)
        return False


class Lane:
    """One version's sandboxes, queue and pace."""

    def __init__(
        self,
        target: RouteRow,
        *,
        bind: Callable[[Lane], Awaitable[Box]],
        kill: Callable[[Sandbox], None],
        retire: Callable[[Sandbox], None],
        max_boxes: int,
        queue_size: int,
        queue_seconds: float,
        log_bytes: int,
    ) -> None:
        self.target = target
        self.log_bytes = log_bytes
        self.kill = kill
        self.boxes: list[Box] = []
        self.waiting: deque[Invocation] = deque()
        self.in_order = target.kind not in INTERLEAVED
        self.depth = 1 if self.in_order else ASYNC_DEPTH
        self.closed = False
        self._bind = bind
        self._retire = retire
        self._max_boxes = max_boxes
        self._queue_size = queue_size
        self._queue_seconds = queue_seconds
        self._pace = 0.0  # seconds an invocation takes, smoothed
        self._binding: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._import_failure: InvocationFailed | None = None
        self._import_failures = 0
        self._import_again = 0.0

    @property
    def last_used(self) -> float:
        """When one of its sandboxes last ended something; the loop's monotonic clock."""
        return max((box.last_ended for box in self.boxes), default=0.0)

    def submit(self, invocation: Invocation) -> None:
        """Start an invocation or queue it. Raises TooManyRequests, InvocationFailed."""
        if not self.waiting and (box := self._with_room()) is not None:
            box.start(invocation)
            return
        if len(self.waiting) >= self._queue_size:
            raise TooManyRequests(f"queue_size={self._queue_size} requests wait already")
        if not self.boxes and self._import_failure and time.monotonic() < self._import_again:
            raise self._import_failure
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
            if running < self.depth and room is None:
                room = box
        return room

    def took_kind(self, kind: str) -> None:
        """What the import showed: async handlers interleave, all others run in order."""
        self.in_order = kind not in INTERLEAVED
        if not self.in_order:
            self.depth = ASYNC_DEPTH

    def took_time(self, seconds: float) -> None:
        """Learn the pace: quick sync handlers are sent ahead."""
        self._pace += (seconds - self._pace) / (8 if self._pace else 1)
        if self.in_order:
            ahead = int(PIPELINE_SECONDS / (self._pace + 1e-9))
            least = 2 if self._pace < ONE_AHEAD_SECONDS else 1
            self.depth = max(least, min(PIPELINE_DEPTH, ahead))

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

    def close(self) -> None:
        """No new invocations come; what was accepted still ends on this version."""
        self.closed = True
        self._retire_idle()

    def release_idle(self) -> bool:
        """Give up one idle sandbox so that another version can have its place."""
        for box in self.boxes:
            if not box.running:
                self._give_up(box)
                return True
        return False

    def _retire_idle(self) -> None:
        if not self.waiting:
            for box in [box for box in self.boxes if not box.running]:
                self._give_up(box)

    def _give_up(self, box: Box) -> None:
        box.dead = True
        self.boxes.remove(box)
        self._retire(box.sandbox)

    def _grow(self) -> None:
        if self._binding is None and len(self.boxes) < self._max_boxes:
            self._binding = asyncio.get_running_loop().create_task(self._bind_one())

    async def _bind_one(self) -> None:
        try:
            box = await self._bind(self)
        except InvocationFailed as failure:
            self._binding = None
            self._import_failed(failure)
        except (PiCloudError, *DATABASE_LOST) as error:
            self._binding = None
            logger.warning("no sandbox for %s: %s", self.target.script_name, error)
            self._fail_waiting(
                InvocationFailed(Outcome.PLATFORM_ERROR, "sandbox_unavailable", str(error))
            )
        else:
            self._binding = None
            self._import_failure, self._import_failures = None, 0
            self.boxes.append(box)
            self.feed()
        finally:
            self._binding = None

    def _import_failed(self, failure: InvocationFailed) -> None:
        wait = IMPORT_BACK_OFF[min(self._import_failures, len(IMPORT_BACK_OFF) - 1)]
        self._import_failures += 1
        self._import_failure = failure
        self._import_again = time.monotonic() + wait
        if not self.boxes:
            self._fail_waiting(failure)

    def _fail_waiting(self, failure: InvocationFailed) -> None:
        while self.waiting:
            self.waiting.popleft().fail(failure)

    def _watch_queue(self) -> None:
        """While somebody waits: grow after a moment, give up after queue_timeout_ms."""
        if self._timer is None and self.waiting:
            self._timer = asyncio.get_running_loop().call_later(GROW_AFTER, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self.waiting and now - self.waiting[0].arrived > self._queue_seconds:
            late = self.waiting.popleft()
            if not late.response.done():
                late.response.set_exception(
                    TooManyRequests(
                        f"waited queue_timeout_ms={int(self._queue_seconds * 1000)} for a sandbox"
                    )
                )
        if self.waiting:
            if not self.boxes or now - self.waiting[0].arrived >= GROW_AFTER:
                self._grow()
            self._watch_queue()


def timed_out(target: RouteRow) -> InvocationFailed:
    """The failure of an invocation that reached its deadline."""
    return InvocationFailed(
        Outcome.TIMEOUT,
        "timeout",
        f"the invocation ran longer than timeout_ms={target.limits.timeout_ms}",
    )
