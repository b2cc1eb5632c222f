"""The soft stop: an exception in a script that has run past its deadline.

Pyodide polls for signals every few dozen bytecodes, and what it polls is a getter of the host's
that looks at `word`: once its time has come, the getter says SIGINT and puts the word off by
100 ms. Neither a thread nor a timer is needed.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from time import perf_counter
from types import FrameType

_SLICE = 100.0  # ms; how often a sleep looks whether its own deadline has come
_AGAIN = 100.0  # ms; how soon it strikes again, as in soft-stop.ts
_SOON = 1.0  # ms
# Half a frame would end the sandbox: code of these files is stopped when it has returned.
_WHOLE = ("/_picloud/outbox.py", "/_picloud/logs.py", "/_picloud/calls.py")

# Absolute, in ms of perf_counter's clock; 0 stops nothing.
word = memoryview(bytearray(8)).cast("d")


class TimeLimit(BaseException):
    """The invocation has run past its deadline. Not an Exception: `except Exception` lets it by."""


def now() -> float:
    """Milliseconds on the clock that deadlines are told in."""
    return perf_counter() * 1000


def arm(deadline: float) -> None:
    """From this moment (ms, see `now`) on, script code is interrupted."""
    word[0] = deadline


def disarm() -> None:
    """Interrupt nothing; a signal that is already under way is ignored."""
    word[0] = 0.0


def _raise(_: FrameType | None) -> None:
    raise TimeLimit


class Running:
    """What knows whose code runs: raises TimeLimit if it is that one's deadline which has come.

    The word of an asynchronous script holds the earliest deadline of many.
    """

    strike: Callable[[FrameType | None], None] = staticmethod(_raise)


def _on_signal(_: int, frame: FrameType | None) -> None:
    if word[0] == 0:
        return
    if frame is not None and frame.f_code.co_filename.endswith(_WHOLE):
        word[0] = now() + _SOON
    else:
        Running.strike(frame)


class Sleeping:
    """How the sandbox sleeps: by a host function, because Emscripten's own sleep spins."""

    block: Callable[[float], None] | None = None


_emscripten_sleep = time.sleep


def sleep(seconds: float, /) -> None:
    """`time.sleep`, which the deadline interrupts."""
    block = Sleeping.block
    if block is None or not seconds > 0:
        _emscripten_sleep(seconds)  # raises what is to be raised
        return
    end = now() + seconds * 1000
    while (left := end - now()) > 0:
        armed = word[0]
        block(min(left, max(armed - now(), 1.0), _SLICE) if armed else min(left, _SLICE))
        if armed and armed <= now():
            word[0] = now() + _AGAIN
            Running.strike(sys._getframe(1))


def install() -> None:
    """Before the snapshot is made."""
    signal.signal(signal.SIGINT, _on_signal)
    time.sleep = sleep
