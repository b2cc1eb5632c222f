"""What the host calls. Imported once, before the snapshot is made."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import warnings
from contextvars import copy_context
from typing import Any

from _picloud import calls, deadline, http_clients, loader, logs, overtime, warm
from _picloud import renew as renewing
from _picloud import run as runner
from _picloud.check import check as check_source
from _picloud.host import Host
from _picloud.loop import Policy
from _picloud.outbox import CHECKED, END, bodies, inbox, outbox
from pic import record

run, pump, window, cancel, tick = (
    runner.run,
    runner.pump,
    runner.window,
    runner.cancel,
    runner.tick,
)
settle, renew = renewing.settle, renewing.renew
__all__ = [
    "calls",
    "cancel",
    "deadline",
    "inbox",
    "outbox",
    "pump",
    "rehearse",
    "renew",
    "run",
    "settle",
    "tick",
    "window",
]


def prepare() -> None:
    """Everything that can be done before the snapshot is made."""
    deadline.install()
    deadline.Running.strike = overtime.strike
    logs.install()
    record.provide(logs.write)
    logging.captureWarnings(capture=False)
    warnings.simplefilter("default")
    asyncio._set_running_loop(None)
    asyncio.events._set_event_loop_policy(Policy())
    http_clients.install()
    warm.warm()
    warm.wipe()


def attach(host: Host) -> None:
    """The host is there: make this interpreter differ from all others of the same snapshot."""
    outbox.send = host.send
    runner.loop.wake = host.wake
    calls.attach(host)
    deadline.Sleeping.block = host.sleep
    renewing.differ()
    os.environ.clear()
    os.environ.update({"HOME": "/home/pyodide", "LANG": "C.UTF-8", "TZ": "UTC"})
    asyncio._set_running_loop(None)


class _Reserved:
    """The payload that the host is about to hand over."""

    payload = bytearray()


def reserve(size: int) -> bytearray:
    """Room that the host fills, for the payload of what it calls next."""
    _Reserved.payload = bytearray(size)
    return _Reserved.payload


def _taken() -> bytearray:
    payload, _Reserved.payload = _Reserved.payload, bytearray()
    return payload


def _split(payload: bytearray) -> tuple[dict[str, Any], memoryview]:
    size = int.from_bytes(payload[:4], "little")
    return json.loads(payload[4 : 4 + size]), memoryview(payload)[4 + size :]


def put_body(stream: int) -> None:
    """The body of an invocation that came in several frames is there."""
    bodies[stream] = _taken()


def result(number: int, flags: int, size: int) -> None:
    """So many bytes of the result of an asynchronous call are in `calls.buffer`."""
    runner.enter()
    calls.result(number, flags, size)
    runner.leave()


def check(stream: int) -> None:
    """Answer CHECK."""
    head, source = _split(_taken())
    answer = check_source(bytes(source), head["filename"], module=head["module"])
    outbox.frame(CHECKED, END, stream, json.dumps(answer).encode())


def bind() -> None:
    """Answer BIND: load the script, or say why it can't be loaded.

    The answer comes later when an ASGI application takes its time to start.
    """
    head, body = _split(_taken())
    loader.bind(head, body)


def rehearse() -> None:
    """Something like BIND and INVOKE, of which nothing is left."""
    _taken()
    runner.enter()
    copy_context().run(warm.rehearse)
    runner.leave()


def retire() -> None:
    """RETIRE has come and nothing runs: let the script clean up; it is done when not busy."""
    loader.retire()
