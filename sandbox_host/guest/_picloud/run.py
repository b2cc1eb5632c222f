"""The way of an invocation: from a frame in the inbox to an answer in the outbox.

Synchronous handlers run here one after the other, in the order of their frames; `run` goes
back to the host after a fraction of a millisecond, so that no finished answer waits long.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from contextvars import copy_context
from time import perf_counter
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from _picloud import answers, asgi, deadline, failures, logs, overtime
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
from _picloud.leftovers import reap
from _picloud.loop import Loop
from _picloud.outbox import CONSUMED, CURRENT, RESPONSE_HEADER, STATUS, TIMER, inbox, outbox
from _picloud.overtime import Watch
from _picloud.streams import (
    Draining,
    Stepping,
    finish_stream,
    restart_clock,
    send_whole,
    stream_from_task,
)
from pic.request import Request

SLICE = 0.2  # ms a batch may take before its answers are sent
LEFT_AT = 33  # where the head of an INVOKE says how many milliseconds are left

_view = memoryview(inbox)
_word = deadline.word


class Script:
    """The bound script; a blank sandbox has none."""

    handler: Callable[[Request], Any]
    asynchronous = False
    usual = "10000\n"  # the time that is left for most invocations, as their heads say it
    stepping: Stepping | None = None  # the synchronous generator that has the floor


loop = Loop(blocks=False)
_context = copy_context()
_simple = answers.SIMPLE.get


def run(position: int, end: int) -> None:
    """Run the handler for the INVOKE frames in this part of the inbox, as far as time allows."""
    enter()
    shared = outbox.shared
    moment = perf_counter() * 1000
    stop = moment + SLICE
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
        head = str(_view[start:body_at], "latin-1")
        if head.startswith(Script.usual, LEFT_AT):
            due = inv.due = moment + Limits.timeout_ms
        else:
            due = inv.due = moment + int(head[LEFT_AT : head.index("\n", LEFT_AT)])
        try:
            earliest = Watch.earliest
            _word[0] = due if due < earliest else earliest
            _context.copy().run(_start, inv, Request(head, body))
        except BaseException as error:
            _give_up(inv, error)
        _word[0] = 0.0
        if position < end:
            moment = perf_counter() * 1000
            if moment > stop:
                break
    shared[CONSUMED] = position
    leave()


def _aside(inv: Invocation, flags: int) -> bytes | None:
    if flags & wire.CANCELLED:
        end_cancelled(inv)
        return None
    return bytes(wire.bodies.pop(inv.stream, b""))


def _give_up(inv: Invocation, error: BaseException) -> None:
    """The deadline has struck between the script's code and the place that would tell of it."""
    _word[0] = 0.0
    failures.fail(inv, error)
    running.pop(inv.stream, None)
    if Script.stepping is not None and Script.stepping.inv is inv:
        Script.stepping = None


def _start(inv: Invocation, request: Request) -> None:
    """Call the handler; runs in a context of this invocation's own."""
    inv.request = request
    if Script.asynchronous:
        current.set(inv)
    else:
        Foreground.invocation = inv
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
    overtime.watch(inv)
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
        elif result is asgi.ANSWERED:
            pass
        elif await stream_from_task(inv, result):
            reap(inv)
            finish_stream(inv)
        else:
            reap(inv)
            deliver(inv, result)
    except BaseException as error:
        if inv.cancelled and not inv.struck:
            end_cancelled(inv)
        else:
            failures.fail(inv, error)
    finally:
        if inv.ended:
            running.pop(inv.stream, None)
        reap(inv)


def deliver(inv: Invocation, result: object) -> None:
    """Answer with a result that is there, or start the stream that it is."""
    body, status, headers = answers.unpack(result)
    given = type(result) is answers.AppResponse
    if isinstance(body, GeneratorType):
        stepping = Stepping(
            inv, body, lambda kind: answers.encode_head(status, headers, "" if given else kind)
        )
        running[inv.stream] = stepping
        Script.stepping = stepping
        return
    if isinstance(body, AsyncGeneratorType):
        _start_task(inv, _given(result))
        return
    kind, data = answers.encode_body(body)
    if data and status in (204, 304):
        raise AnswerError(f"an answer with status {status} can't have a body")
    send_whole(inv, answers.encode_head(status, headers, "" if given else kind), data)


def end_cancelled(inv: Invocation) -> None:
    """The end of an invocation whose caller has gone."""
    if not inv.ended:
        logs.finish(inv)
        outbox.error(inv, "cancelled", "cancelled", "the invocation was cancelled")


def pump() -> None:
    """Let the streaming generator take one more step."""
    enter()
    stepping = Script.stepping
    if stepping is not None:
        try:
            done = stepping.step()
        except BaseException as error:
            _give_up(stepping.inv, error)
        else:
            if done:
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
        if inv.head_sent:
            restart_clock(inv)
        if inv.room is not None and not inv.room.done():
            inv.room.set_result(None)
    leave()


def cancel(stream: int) -> None:
    """The caller has gone: stop what runs for this stream."""
    enter()
    held = running.get(stream)
    if isinstance(held, Invocation):
        _cancel_task(held)
    elif isinstance(held, Stepping):
        held.close()
        end_cancelled(held.inv)
        _release(held)
    elif held is not None:
        end_cancelled(held.inv)
        running.pop(stream, None)
    leave()


def _cancel_task(inv: Invocation) -> None:
    if inv.due <= deadline.now() + overtime.SLACK:
        overtime.stop(inv)
    elif inv.exchange is not None:
        inv.exchange.leave()
    else:
        inv.cancelled = True
        if inv.task is not None:
            inv.task.cancel()


def tick() -> None:
    """A timer is due, or something was scheduled from outside."""
    enter()
    overtime.sweep()
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
    if asgi.unsent:
        asgi.flush()
    stepping = Script.stepping
    if stepping is None:
        Foreground.invocation = background
    status = 0
    timer = loop.next_timer()
    if running:
        status = wire.BUSY
        timer = min(timer, overtime.until_next())
    else:
        Watch.earliest = math.inf
    shared[TIMER] = timer
    if stepping is not None:
        status |= wire.STEPPING if stepping.inv.credit <= 0 else wire.STEPPING | wire.PUMP
    shared[STATUS] = status
    loop.entered = False
    if Script.asynchronous:
        asyncio._set_running_loop(None)


def _step() -> None:
    asyncio._set_running_loop(loop)
    background.due = deadline.now() + Limits.timeout_ms
    try:
        deadline.arm(min(background.due, Watch.earliest))
        loop.step()
    except BaseException as error:
        text = failures.format_traceback(error)
        logs.record(background, logging.ERROR, logs.TRACEBACK, text)
    finally:
        deadline.disarm()
        asyncio._set_running_loop(None)
