"""The event loop of asynchronous handlers: CPython's own, driven step by step by the host."""

from __future__ import annotations

import asyncio
import heapq
import time
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVarTuple

from _picloud.invocation import current
from _picloud.outbox import TIMER, outbox

Ts = TypeVarTuple("Ts")

_FOREVER = 0xFFFFFFFF


class _Handle(asyncio.Handle):
    """A callback that is passed over once its invocation is over."""

    __slots__ = ()
    _context: Context
    _run_it = asyncio.Handle._run

    def _run(self) -> None:
        inv = self._context.get(current)
        if inv is None or not inv.over:
            self._run_it()


class _TimerHandle(asyncio.TimerHandle):
    """The same for timers."""

    __slots__ = ()
    _context: Context
    _scheduled: bool
    _run_it = asyncio.Handle._run
    _run = _Handle._run


class _NoSelector:
    """Stands where a selector would: there is nothing to select on in here."""

    def __init__(self, blocks: bool) -> None:
        self._blocks = blocks

    def select(self, timeout: float | None) -> list[Any]:
        if self._blocks:
            if timeout is None:
                raise RuntimeError("this event loop waits for something that can never happen")
            if timeout > 0:
                time.sleep(timeout)
        return []

    def close(self) -> None:
        pass


class Loop(BaseEventLoop):
    """Runs until nothing is ready, then returns to the host with the time of the next timer.

    One that blocks runs `asyncio.run` inside a synchronous handler.
    """

    # CPython's own state and step of the loop, which its stubs leave out.
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _run_once: Callable[[], None]
    _check_closed: Callable[[], None]

    entered = False  # whether the host has given us the floor
    wake: Callable[[], None] | None = None  # asks the host for the floor

    def __init__(self, blocks: bool = True) -> None:
        super().__init__()
        self._selector = _NoSelector(blocks)

    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        if self.wake is not None and not self.entered:
            outbox.shared[TIMER] = 0  # there is something to do
            self.wake()

    def _call_soon(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self.entered:
            self._write_to_self()
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_closed()
        timer = _TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        if not self.entered:
            self._write_to_self()
        return timer

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """A task, of which the invocation that starts it knows."""
        task = super().create_task(coro, **options)
        inv = current.get()
        if inv is not None and not task.done():
            if inv.started is None:
                inv.started = set()
            inv.started.add(task)
            task.add_done_callback(inv.started.discard)
        return task

    def is_running(self) -> bool:
        return self.entered or super().is_running()

    def step(self) -> None:
        """Run what is ready now, once."""
        self._run_once()

    def next_timer(self) -> int:
        """Milliseconds until there is something to do; 0 for now, the largest for never."""
        if self._ready:
            return 0
        if not self._scheduled:
            return _FOREVER
        delay = (self._scheduled[0].when() - self.time()) * 1000
        return min(max(int(delay + 0.999), 0), 2**31 - 1)


class Policy(asyncio.events._AbstractEventLoopPolicy):
    """Gives `asyncio.run` and its like a loop that works in here."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("There is no current event loop in this sandbox.")
        return self._loop

    def set_event_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return Loop()
