"""The way of an invocation: from a frame in the inbox to an answer in the outbox.

Synchronous handlers run here one after the other, in the order of their frames; `run` goes
back to the host after a fraction of a millisecond, so that no finished answer waits long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import copy_context
from time import perf_counter
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from _picloud import answers, failures, logs
from _picloud import outbox as wire
from _picloud.failures import AnswerError
from _picloud.invocation import (
    Foreground,
    Invocation,
    Limits,
    background,
    current,
    running,
)
from _picloud.loop import Loop
from _picloud.outbox import (
    CONSUMED,
    CURRENT,
    FRAME_MAX,
    RESPONSE_HEADER,
    STATUS,
    TIMER,
    inbox,
    outbox,
)
from _picloud.streams import Draining, Stepping, finish_stream, stream_from_task
from pic.request import Request

SLICE = 0.0002  # seconds a batch may take before its answers are sent

_view = memoryview(inbox)


class Script:
    """The bound script; a blank sandbox has none."""

    handler: Callable[[Request], Any]
    asynchronous = False
    stepping: Stepping | None = None  # the synchronous generator that has the floor


loop = Loop(blocks=False)
_context = copy_context()
_simple = answers.SIMPLE.get


def run(position: int, end: int) -> None:
    """Run the handler for the INVOKE frames in this part of the inbox, as far as time allows."""
    enter()
    shared = outbox.shared
    stop = perf_counter() + SLICE
    unpack = RESPONSE_HEADER.unpack_from
    while position < end and Script.stepping is None:
        length, _, flags, _, stream, head_length = unpack(inbox, position)
        start = position + 16
        body_at = start + head_length
        position += 12 + length
        inv = Invocation(stream)
        shared[CURRENT] = stream
        if flags > 1:
            body = _aside(inv, flags)
            if body is None:
                continue
        else:
            body = bytes(_view[body_at:position]) if body_at < position else b""
        request = Request(str(_view[start:body_at], "latin-1"), body)
        _context.copy().run(_start, inv, request)
        if position < end and perf_counter() > stop:
            break
    shared[CONSUMED] = position
    leave()


def _aside(inv: Invocation, flags: int) -> bytes | None:
    if flags & wire.CANCELLED:
        end_cancelled(inv)
        return None
    return bytes(wire.bodies.pop(inv.stream, b""))


def _start(inv: Invocation, request: Request) -> None:
    """Call the handler; runs in a context of this invocation's own."""
    Foreground.invocation = inv
    if Script.asynchronous:
        current.set(inv)
    try:
        result = Script.handler(request)
        simple = _simple(type(result))
        if simple is not None:
            head, encode = simple
            send_whole(inv, head, encode(result))
        elif isinstance(result, CoroutineType) or asyncio.isfuture(result):
            _start_task(inv, result)
        elif Script.asynchronous and isinstance(result, (GeneratorType, AsyncGeneratorType)):
            _start_task(inv, _given(result))
        else:
            deliver(inv, result)
    except BaseException as error:
        failures.fail(inv, error)


async def _given(result: object) -> object:
    return result


def _start_task(inv: Invocation, awaitable: Any) -> None:
    running[inv.stream] = inv
    current.set(inv)
    asyncio._set_running_loop(loop)
    try:
        inv.task = asyncio.Task(_finish(inv, awaitable), loop=loop, eager_start=True)
    finally:
        if not Script.asynchronous:
            asyncio._set_running_loop(None)


async def _finish(inv: Invocation, awaitable: Any) -> None:
    """Await the handler's result and answer with it. Never raises."""
    try:
        result = await awaitable
        if inv.cancelled:
            end_cancelled(inv)
        elif await stream_from_task(inv, result):
            finish_stream(inv)
        else:
            deliver(inv, result)
    except BaseException as error:
        if inv.cancelled:
            end_cancelled(inv)
        elif not inv.ended:
            failures.fail(inv, error)
    finally:
        if inv.ended:
            running.pop(inv.stream, None)


def deliver(inv: Invocation, result: object) -> None:
    """Answer with a result that is there, or start the stream that it is."""
    body, status, headers = answers.unpack(result)
    if isinstance(body, GeneratorType):
        stepping = Stepping(inv, body, status, headers)
        running[inv.stream] = stepping
        Script.stepping = stepping
        return
    if isinstance(body, AsyncGeneratorType):
        _start_task(inv, _given(result))
        return
    kind, data = answers.encode_body(body)
    if data and status in (204, 304):
        raise AnswerError(f"an answer with status {status} can't have a body")
    send_whole(inv, answers.encode_head(status, headers, kind), data)


def send_whole(inv: Invocation, head: bytes, body: bytes) -> None:
    """Answer with a body that is there: in one frame, or in pieces if it is large."""
    size = len(body)
    if size > Limits.answer_bytes:
        raise AnswerError(
            f"the answer is {size} bytes; allowed are {Limits.answer_bytes}", "answer_too_large"
        )
    if inv.out or inv.err or inv.log_dropped:
        logs.finish(inv)
    if size <= FRAME_MAX:
        inv.ended = True
        outbox.response(inv.stream, head, body)
        return
    draining = Draining(inv, b"%b\ncontent-length:%d" % (head, size), body)
    if not draining.step():
        running[inv.stream] = draining


def end_cancelled(inv: Invocation) -> None:
    """The end of an invocation whose caller has gone."""
    if not inv.ended:
        logs.finish(inv)
        inv.ended = True
        outbox.error(inv.stream, "cancelled", "cancelled", "the invocation was cancelled")


def pump() -> None:
    """Let the streaming generator take one more step."""
    enter()
    stepping = Script.stepping
    if stepping is not None and stepping.step():
        _release(stepping)
    leave()


def _release(stepping: Stepping) -> None:
    running.pop(stepping.inv.stream, None)
    Script.stepping = None


def window(stream: int, credit: int) -> None:
    """More body bytes of this stream may be sent."""
    enter()
    held = running.get(stream)
    if isinstance(held, Draining):
        held.inv.credit += credit
        if held.step():
            running.pop(stream, None)
    elif held is not None:
        inv = held.inv if isinstance(held, Stepping) else held
        inv.credit += credit
        if inv.room is not None and not inv.room.done():
            inv.room.set_result(None)
    leave()


def cancel(stream: int) -> None:
    """The caller has gone, or the time is over: stop what runs for this stream."""
    enter()
    held = running.get(stream)
    if isinstance(held, Invocation):
        held.cancelled = True
        if held.task is not None:
            held.task.cancel()
    elif isinstance(held, Stepping):
        held.close()
        end_cancelled(held.inv)
        _release(held)
    elif held is not None:
        end_cancelled(held.inv)
        running.pop(stream, None)
    leave()


def tick() -> None:
    """A timer is due, or something was scheduled from outside."""
    enter()
    leave()


def enter() -> None:
    """We have the floor: nothing needs to wake us."""
    loop.entered = True
    if Script.asynchronous:
        asyncio._set_running_loop(loop)


def leave() -> None:
    """Run what is ready, then tell the host what comes next."""
    shared = outbox.shared
    if loop._ready or loop._scheduled:
        _step()
    shared[TIMER] = loop.next_timer()
    stepping = Script.stepping
    status = wire.BUSY if running else 0
    if stepping is not None:
        status |= wire.STEPPING if stepping.inv.credit <= 0 else wire.STEPPING | wire.PUMP
    shared[STATUS] = status
    loop.entered = False
    if Script.asynchronous:
        asyncio._set_running_loop(None)


def _step() -> None:
    asyncio._set_running_loop(loop)
    try:
        loop.step()
    except BaseException as error:
        text = failures.format_traceback(error)
        logs.record(background, logging.ERROR, logs.TRACEBACK, text)
    finally:
        asyncio._set_running_loop(None)
