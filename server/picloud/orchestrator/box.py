"""One sandbox in a lane: what it runs, until when, and when it has served its time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from picloud.domain.invocation import Outcome
from picloud.executor.exchange import Exchange
from picloud.executor.link import Link
from picloud.executor.messages import InvocationFailed, LinkError
from picloud.executor.usage import cpu_seconds
from picloud.orchestrator.invocation import EXTRA_LOG_BYTES, LEAST_LOG_BYTES, Invocation

if TYPE_CHECKING:
    from picloud.domain.redaction import Redactor
    from picloud.executor.sandbox import Sandbox
    from picloud.orchestrator.lane import Lane

SOFT_GRACE: Final = 0.75  # seconds a script has to stop by itself after its deadline
TICK: Final = 0.1  # seconds between two looks at what runs for long
SLOW_AFTER: Final = 1.0  # seconds until we begin to watch whether the caller is still there
BURNING: Final = 0.5  # share of a core over a tick from which a sandbox steps back for others
CALM: Final = 0.25  # and below which it is treated like them again
SLOW_PACE: Final = 0.005  # seconds an invocation takes from which on processor time is looked at
HEAVY: Final = 0.005  # seconds of processor time; who does with less each time never steps back
MOST_RESTARTS: Final = 3  # of an invocation whose sandboxes died before its turn came
TRAFFIC_SECONDS: Final = 1.0  # between two invocations: a worn sandbox is replaced before it goes
_REST: Final = "its sandbox was stopped because of another invocation in it"


class Box:
    """A sandbox bound to a lane's version. Owner of its link."""

    def __init__(self, lane: Lane, sandbox: Sandbox) -> None:
        self.lane = lane
        self.sandbox = sandbox
        self.link: Link = sandbox.link
        self.running: deque[Invocation] = deque()
        self.first: Invocation | None = None  # whose arrival bound it: import output is its
        self.redact: Redactor | None = None  # hides the secrets it was given
        self.import_until = 0.0  # the end of its import's time, while it is imported
        self.last_ended = time.monotonic()
        self.served = 0
        self.dead = False
        self.leaving = False  # takes no more, and is retired when what it runs has ended
        self.well = False  # it has answered something
        self.memory_bound = 0  # bytes right after BIND
        self.memory_checked = 0.0
        self._quiet_most = 2 * (lane.log_bytes + EXTRA_LOG_BYTES)
        self._quiet_log = self._quiet_most  # left for output of no invocation
        self._timer: asyncio.TimerHandle | None = None
        self._cpu = 0.0
        self._cpu_at = 0.0
        self._cpu_served = 0
        self._burning = False
        self.link.owner = self

    def caller(self, stream: int) -> tuple[Invocation | None, float] | None:
        """Whose call it is and until when; a task of no invocation calls for the oldest."""
        if self.import_until:
            return self.first, self.import_until
        if stream == 0 and self.running:
            invocation = self.running[0]
            return invocation, self._due(invocation)
        exchange = self.link.open_exchanges.get(stream)
        if exchange is None:
            return None
        invocation = cast(Invocation, exchange)
        return invocation, self._due(invocation)

    def hops(self) -> int:
        """The most hops of what it runs: a script may say for which of these it calls."""
        begun = self._begun() or ([self.first] if self.first is not None else [])
        return max((invocation.hops for invocation in begun), default=0)

    def hide(self, redact: Redactor) -> None:
        """From now on these values are hidden in what it says."""
        if redact:
            self.redact = redact
            if self.first is not None:
                self.first.redact = redact

    def start(self, invocation: Invocation) -> None:
        """Send an invocation to the sandbox."""
        self.running.append(invocation)
        if self.redact is not None:
            invocation.redact = self.redact
        now = time.monotonic()
        self.link.start(invocation, now)
        if self._timer is None:
            self._watch(now)

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        """A log record from the sandbox. Raises LinkError beyond the limit."""
        if exchange is None:
            self._quiet_log -= max(len(payload), LEAST_LOG_BYTES)
            if self._quiet_log < 0:
                raise LinkError("more output of no invocation than the limit of an invocation")
        invocation = self.first if exchange is None else cast(Invocation, exchange)
        if invocation is not None:
            invocation.took_log(payload, self.lane.log_bytes)

    def exchange_ended(self, exchange: Exchange) -> None:
        """The sandbox is done with an invocation: room for the next."""
        now = time.monotonic()
        running, lane = self.running, self.lane
        if self.link.calls is not None and self.link.calls.open:
            self.link.calls.invocation_ended(exchange)
        if running and running[0] is exchange:
            running.popleft()
        elif exchange in running:
            running.remove(cast(Invocation, exchange))
        before, self.last_ended = self.last_ended, now
        self._quiet_log = self._quiet_most
        started = exchange.started
        lane.took_time(now - (started if started > before else before))
        self.served += 1
        failure = exchange.failure
        if failure is None:
            if not self.well:
                self.well = True
                lane.crashes.steady()
        elif failure.outcome is Outcome.OUT_OF_MEMORY:
            self.leave()
        elif failure.code == "interpreter_died":
            self._lost_interpreter(failure, now)
            return
        if self.served >= lane.max_invocations and not self.leaving:
            lane.recycle(self, "sandbox_max_invocations", hot=started - before < TRAFFIC_SECONDS)
        if not running:
            self._fell_idle()
        lane.feed()

    def _lost_interpreter(self, failure: InvocationFailed, now: float) -> None:
        """The process ends: what was sent ahead has not begun and never will here."""
        if not self.well:
            self.lane.crashes.died(failure.code, now)
        self.lane.kill(self.sandbox)
        rest = InvocationFailed(Outcome.PLATFORM_ERROR, "sandbox_died", _REST)
        self.die(rest, oldest_begun=False)

    def leave(self) -> None:
        """Take no further invocations."""
        self.leaving = True
        if self in self.lane.boxes:
            self.lane.boxes.remove(self)

    def die(self, failure: InvocationFailed, *, oldest_begun: bool = True) -> None:
        """Leave the lane: what may have begun fails, the rest starts again elsewhere."""
        if self.dead:
            return
        self.dead = True
        if self._timer is not None:
            self._timer.cancel()
        again: list[Invocation] = []
        for index, invocation in enumerate(self.running):
            begun = (index == 0 and oldest_begun) or not self.lane.in_order or invocation.streamed
            if begun or invocation.redispatched >= MOST_RESTARTS:
                invocation.fail(failure)
            else:
                again.append(invocation)
        self.running.clear()
        self.lane.lost(self, again)

    def _fell_idle(self) -> None:
        if self.leaving:
            self.lane.let_go(self)
        else:
            self.lane.upkeep.fell_idle(self)

    # -- deadlines ---------------------------------------------------------------------------

    def _watch(self, now: float) -> None:
        """Wake at the next deadline, or soon to look after what takes long."""
        due = min(self._due(each) for each in self._begun())
        self._timer = asyncio.get_running_loop().call_later(
            max(0.001, min(due - now, TICK)), self._tick
        )

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        begun = self._begun()
        slow = self._burning or self.lane.pace > SLOW_PACE
        if begun and (slow or now - begun[0].started >= TICK / 2):
            self._took_cpu(begun, now)
        for invocation in begun:
            if invocation.expired:
                if now >= self._due(invocation):
                    self._stop(invocation)
                    return
            elif (failure := self._met_limit(invocation, now)) is not None:
                self._expire(invocation, failure, now)
            if now - invocation.arrived >= SLOW_AFTER:
                invocation.watch_caller()
        if self.running:
            self._watch(now)
            self.lane.upkeep.examine(self, now)

    def _begun(self) -> list[Invocation]:
        """What may have begun: all, or in order the oldest."""
        if self.lane.in_order:
            return [self.running[0]] if self.running else []
        return list(self.running)

    def _began(self, invocation: Invocation) -> float:
        """When it began; in a queue the clock starts when its turn comes."""
        if self.lane.in_order and self.last_ended > invocation.started:
            return self.last_ended
        return invocation.started

    def _due(self, invocation: Invocation) -> float:
        """When it must have ended, sent something, or been given up."""
        if invocation.expired:
            return invocation.expired + SOFT_GRACE
        lane, began = self.lane, self._began(invocation)
        if invocation.left:
            return max(began + lane.timeout, invocation.left + SOFT_GRACE)
        if invocation.streamed:
            return min(invocation.moved + lane.stream_idle, began + lane.max_stream)
        return began + lane.timeout

    def _met_limit(self, invocation: Invocation, now: float) -> InvocationFailed | None:
        """The limit it has met, if any."""
        limits = self.lane.target.limits
        if now < self._due(invocation):  # else both limits may be met, and the clock's is told
            if invocation.cpu * 1000 < limits.cpu_ms:
                return None
            said = f"the invocation used more processor time than cpu_ms={limits.cpu_ms}"
            return InvocationFailed(Outcome.TIMEOUT, "cpu_limit", said)
        if not invocation.streamed or invocation.left:
            said = f"the invocation ran longer than timeout_ms={limits.timeout_ms}"
        elif now >= invocation.moved + self.lane.stream_idle:
            said = f"nothing of the answer moved for stream_idle_ms={limits.stream_idle_ms}"
        else:
            said = f"the answer took longer than max_stream_ms={self.lane.max_stream * 1000:.0f}"
        return InvocationFailed(Outcome.TIMEOUT, "timeout", said)

    def _expire(self, invocation: Invocation, failure: InvocationFailed, now: float) -> None:
        """Tell the caller, and give the script a moment to stop by itself."""
        invocation.expired = now
        invocation.note(40, failure.message)
        invocation.cancel()
        invocation.abandon(failure)

    def _stop(self, invocation: Invocation) -> None:
        """It did not stop: the whole sandbox goes."""
        invocation.note(40, f"it did not stop within {SOFT_GRACE:g} s; its sandbox was stopped")
        self.lane.kill(self.sandbox)
        self.die(InvocationFailed(Outcome.PLATFORM_ERROR, "sandbox_died", _REST))

    # -- processor time ----------------------------------------------------------------------

    def _took_cpu(self, begun: list[Invocation], now: float) -> None:
        """Share the processor time since the last look among those that ran meanwhile."""
        used = cpu_seconds(self.sandbox.pid)
        spent, self._cpu = used - self._cpu, used
        since, self._cpu_at = self._cpu_at, now
        ended, self._cpu_served = self.served - self._cpu_served, self.served
        for invocation in begun:
            ran = now - max(since, self._began(invocation))
            invocation.cpu += min(spent / len(begun), ran)
        if now - since > 3 * TICK:
            return  # it was idle meanwhile
        if not self._burning and spent >= max(BURNING * (now - since), HEAVY * ended):
            self._burning = True
            self.sandbox.step_back()
        elif self._burning and spent < CALM * (now - since):
            self._burning = False
            self.sandbox.step_forward()
