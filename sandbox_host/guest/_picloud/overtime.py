"""What happens when a deadline strikes: where the script was stuck is logged, then it stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import traceback
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any

from _picloud import deadline, failures, logs
from _picloud.deadline import TimeLimit
from _picloud.failures import FRAMES_MAX
from _picloud.invocation import Invocation, background, owner, running

_AGAIN = 100.0  # ms until a task that goes on in spite of its cancellation is cancelled again
_OURS, _ASYNCIO = "/_picloud/", "/asyncio/"
_NEVER = 0xFFFFFFFF
# ms; a CANCEL that comes so shortly before the deadline is that of the executor's clock.
SLACK = 50.0

Frames = list[tuple[FrameType, int]]


class Watch:
    """The earliest deadline of the tasks that run; it may be that of one which has ended."""

    earliest = math.inf


def watch(inv: Invocation) -> None:
    """Have an asynchronous invocation stopped at its deadline, also while it waits."""
    Watch.earliest = min(Watch.earliest, inv.due)


def until_next() -> int:
    """Milliseconds until `sweep` has something to do."""
    if Watch.earliest == math.inf:
        return _NEVER
    return max(0, int(Watch.earliest - deadline.now() + 0.999))


def sweep() -> None:
    """Stop the tasks whose time is over."""
    moment = deadline.now()
    if moment < Watch.earliest:
        return
    tasks = [held for held in running.values() if isinstance(held, Invocation)]
    for inv in tasks:
        if inv.due <= moment:
            stop(inv)
    Watch.earliest = min((inv.due for inv in tasks), default=math.inf)


def stop(inv: Invocation) -> None:
    """Cancel the task of an invocation whose time is over."""
    if not inv.struck:
        inv.struck = True
        if inv.task is not None:
            _log(inv, _waiting(inv.task))
    inv.due = deadline.now() + _AGAIN
    if inv.task is not None:
        inv.task.cancel()


def strike(frame: FrameType | None) -> None:
    """The armed deadline has come in this frame. Raises TimeLimit if it is that of its code."""
    inv = owner()
    if inv.ended and not inv.stream:
        inv = background
    if inv.due > deadline.now():
        # Another one's, which waits while this code runs.
        sweep()
        deadline.arm(min(inv.due, Watch.earliest))
        return
    if not inv.struck:
        inv.struck = True
        _log(inv, _running(frame))
    raise TimeLimit(failures.overtime(inv))


def _log(inv: Invocation, frames: Frames) -> None:
    lines = ["Traceback (most recent call last):\n"]
    try:
        lines += traceback.StackSummary.extract(iter(frames)).format()
    except Exception as error:
        lines.append(f"  (can't be shown: {error!r})\n")
    text = f"{failures.tidy(''.join(lines))}TimeLimit: {failures.overtime(inv)}"
    logs.record(background if inv.ended else inv, logging.ERROR, logs.TRACEBACK, text)


def _running(frame: FrameType | None) -> Frames:
    """The script's frames from the outermost to this one, without ours at either end."""
    found: Frames = []
    while frame is not None:
        ours = _OURS in frame.f_code.co_filename
        if ours and found:
            break
        if not ours and len(found) < FRAMES_MAX:
            found.append((frame, frame.f_lineno))
        frame = frame.f_back
    while len(found) > 1 and _ASYNCIO in found[-1][0].f_code.co_filename:
        found.pop()
    return found[::-1]


def _waiting(task: asyncio.Task[Any]) -> Frames:
    """The frames of a task that waits, from its outermost to what it waits for."""
    frames = (frame for frame in _awaited(task.get_coro()) if frame is not None)
    found = [(frame, frame.f_lineno) for frame, _ in zip(frames, range(FRAMES_MAX), strict=False)]
    return [each for each in found if _OURS not in each[0].f_code.co_filename]


def _awaited(waits: Any) -> Iterator[FrameType | None]:
    """The chain of what awaits what; exact types only, so that no script code runs."""
    while waits is not None:
        if type(waits) is CoroutineType:
            yield waits.cr_frame
            waits = waits.cr_await
        elif type(waits) is GeneratorType:
            yield waits.gi_frame
            waits = waits.gi_yieldfrom
        elif type(waits) is AsyncGeneratorType:
            yield waits.ag_frame
            waits = waits.ag_await
        elif type(waits) is asyncio.Task:
            waits = waits.get_coro()
        else:
            waits = next(filter(_can_wait, gc.get_referents(waits)), None)


def _can_wait(thing: Any) -> bool:
    return type(thing) in (CoroutineType, GeneratorType, AsyncGeneratorType, asyncio.Task)
