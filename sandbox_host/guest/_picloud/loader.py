"""From BIND to BOUND, and from RETIRE to the end."""

from __future__ import annotations

import asyncio
import json
import os
from contextvars import copy_context
from typing import Any

from _picloud import binding, calls, deadline, failures, logs, overtime
from _picloud import run as runner
from _picloud.asgi import Asgi
from _picloud.binding import EntryPoint
from _picloud.invocation import (
    Foreground,
    Invocation,
    Limits,
    background,
    current,
    owner,
    running,
)
from _picloud.lifespan import Lifespan
from _picloud.outbox import BOUND, outbox
from pic import running as pic_running
from pic import settings

_STARTING, _ENDING = -1, -2  # in `running`, where the streams of invocations are


class _Source:
    """What `pic.invocation` tells in a sandbox."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.app = str(head.get("app", ""))
        self.script = str(head.get("script", ""))
        self.version = int(head.get("version", 0))

    def id(self) -> str:
        request = owner().request
        if request is None:
            raise RuntimeError("no invocation runs now")
        return request.invocation_id

    def remaining_ms(self) -> float:
        if owner().request is None:
            raise RuntimeError("no invocation runs now")
        return owner().due - deadline.now()


class _Bound:
    """What was bound, for its end."""

    lifespan: Lifespan | None = None


def bind(head: dict[str, Any], body: memoryview) -> None:
    """Load the script and answer with BOUND or ERROR, at the latest when its app has started.

    The body is the source of the entry and, after it, the other files that the head lists.
    """
    Limits.take(head)
    runner.Script.usual = f"{Limits.timeout_ms}\n"
    calls.Limits.body_bytes = head.get("call_bytes") or calls.Limits.body_bytes
    env = head.get("env") or {}
    os.environ.update(env)
    settings.provide(env, head.get("secrets") or {})
    pic_running.provide(_Source(head))
    started = deadline.now()
    loading = Invocation(0)
    loading.limit = "import_ms"
    loading.due = started + Limits.import_ms
    runner.enter()
    try:
        deadline.arm(loading.due)
        source, files = binding.unpack(head.get("files") or [], body)
        filename = binding.place(head.get("filename") or "script.py", source, files)
        copy_context().run(_load, loading, filename, source, started)
    except BaseException as error:
        failures.fail(loading, error, "import_failed")
    finally:
        deadline.disarm()
        Foreground.invocation = background
    runner.leave()


def _load(loading: Invocation, filename: str, source: bytes, started: float) -> None:
    Foreground.invocation = loading
    module = binding.load(filename, source)
    entry_point = binding.find_entry_point(module)
    runner.Script.asynchronous = entry_point.kind in ("async", "asgi")
    runner.Script.handler = entry_point.handler
    if not isinstance(entry_point.handler, Asgi):
        _tell(loading, entry_point, started)
        return
    current.set(loading)
    running[_STARTING] = loading
    overtime.watch(loading)
    asyncio._set_running_loop(runner.loop)
    starting = _start(loading, entry_point, entry_point.handler, started)
    loading.task = asyncio.Task(starting, loop=runner.loop, eager_start=True)


async def _start(
    loading: Invocation, entry_point: EntryPoint, handler: Asgi, started: float
) -> None:
    """Tell an ASGI application that it starts, and the executor when it has started."""
    lifespan = Lifespan(handler.app, handler.state)
    try:
        await lifespan.start()
        _Bound.lifespan = lifespan
        _tell(loading, entry_point, started)
    except BaseException as error:
        failures.fail(loading, error, "import_failed")
    finally:
        running.pop(_STARTING, None)


def _tell(loading: Invocation, entry_point: EntryPoint, started: float) -> None:
    logs.finish(loading)
    answer = {
        "entry_points": [entry_point.name],
        "kind": entry_point.kind,
        "import_ms": round(deadline.now() - started, 3),
    }
    outbox.frame(BOUND, 0, 0, json.dumps(answer).encode())
    loading.ended = True


def retire() -> None:
    """Tell the script that its sandbox ends; `running` holds that until it is done."""
    lifespan, _Bound.lifespan = _Bound.lifespan, None
    if lifespan is None:
        return
    runner.enter()
    ending = Invocation(0)
    ending.due = deadline.now() + Limits.timeout_ms
    running[_ENDING] = ending
    overtime.watch(ending)
    ending.task = runner.loop.create_task(_end(lifespan))
    runner.leave()


async def _end(lifespan: Lifespan) -> None:
    try:
        await lifespan.end()
    finally:
        running.pop(_ENDING, None)
