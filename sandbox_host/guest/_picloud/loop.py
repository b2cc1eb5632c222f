"""The event loop of asynchronous handlers: CPython's own, driven step by step by the host."""

from __future__ import annotations

import asyncio
import time
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVarTuple

from _picloud.outbox import TIMER, outbox

Ts = TypeVarTuple("Ts")

_FOREVER = 0xFFFFFFFF


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

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = super().call_soon(callback, *args, context=context)
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
        handle = super().call_at(when, callback, *args, context=context)
        if not self.entered:
            self._write_to_self()
        return handle

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
