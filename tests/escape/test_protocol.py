"""Scripts that write frames of their own to the link (group P), through a real node.

A sandbox is its script's: whatever the host would check, the script can write. The one that breaks
the rules dies with a clear answer to its caller, and the app next door is served meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from escape.neighbour import beside, call, records
from picloud.domain.limits import Limits
from support.node import NodeProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(timeout_ms=5000)
# How a script writes to the link: through the outbox, which is memory of its own.
PRELUDE = """
import asyncio
import json
import struct
import time

from _picloud import invocation
from _picloud.outbox import SIZE, outbox

RESPONSE, DATA, WINDOW, ERROR, LOG, CALL, RESULT = 5, 6, 7, 9, 10, 14, 15


def write(data):
    for at in range(0, len(data), SIZE):
        part = data[at : at + SIZE]
        outbox.buffer[: len(part)] = part
        outbox.send(len(part))


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack("<IBBHI", size, kind, flags, 0, stream) + payload


def response(stream, body=b"forged", flags=1, head=b"200"):
    return frame(RESPONSE, flags, stream, struct.pack("<I", len(head)) + head + body)


def log(stream, text=b"", level=20, source=1):
    return frame(LOG, 0, stream, struct.pack("<BBq", level, source, time.time_ns() // 1000) + text)


def call(id, head, part=b"", flags=1):
    return frame(CALL, flags, id, struct.pack("<I", len(head)) + head + part)


def fetch(id, stream, **more):
    head = {"op": "fetch", "for": stream, "method": "GET", "url": "http://127.0.0.1:1/", **more}
    return call(id, json.dumps(head).encode())


async def flood(data):
    data *= max(1, SIZE // len(data))
    while True:
        write(data)
        await asyncio.sleep(0)  # lets the host send it


async def handler(request):
    mine = (invocation.current.get() or invocation.Foreground.invocation).stream
    outbox.flush()
    return str(await attack(mine))


async def attack(mine):
"""

DIED = (502, "link_broken")  # it broke the rules
STUCK = (504, "timeout")
MOST_RECORDED = 10_000_000  # characters of records and logs: a flood must not get so far
CUT = (200, "cut")  # the head had left; the rest never came, and the caller sees that


@dataclass(frozen=True, slots=True)
class Hostile:
    """What a script does on its link, and what its caller may see of it."""

    id: str
    name: str
    body: str
    answers: tuple[tuple[int, str], ...] = (DIED,)


HOSTILE = (
    Hostile("P1", "an-answer-for-another", "write(response(mine + 1))"),
    Hostile("P1", "answers-for-everybody", "write(b''.join(map(response, range(mine + 1, 999))))"),
    Hostile("P2", "two-heads", "write(response(mine, flags=0) * 2)", (CUT,)),
    Hostile("P2", "an-answer-after-the-end", "write(frame(ERROR, 1, mine, b'{}') * 2)"),
    Hostile("P2", "body-before-head", "write(frame(DATA, 0, mine, b'x'))"),
    Hostile("P3", "a-gigabyte-announced", "write(frame(DATA, 0, mine, length=1 << 30))"),
    Hostile("P3", "a-negative-length", "write(frame(DATA, 0, mine, length=0xFFFFFFFF))"),
    Hostile(
        "P3",
        "half-a-frame-then-silence",
        "write(frame(DATA, 0, mine, b'x', length=99)); await asyncio.sleep(99)",
        (STUCK, DIED),
    ),
    Hostile("P3", "no-json", "write(frame(ERROR, 1, mine, b'{'))"),
    Hostile("P3", "deep-json", "write(frame(ERROR, 1, mine, b'[' * 10**6))"),
    Hostile("P3", "a-long-number", "write(frame(ERROR, 1, mine, b'9' * 10**5))"),
    Hostile("P3", "not-a-number", """write(frame(ERROR, 1, mine, b'{"outcome": NaN}'))"""),
    Hostile("P3", "a-head-longer-than-its-frame", "write(frame(RESPONSE, 0, mine, b'zzzzz'))"),
    Hostile("P4", "a-frame-of-an-unknown-type", "write(frame(77, 0, mine))"),
    Hostile("P4", "a-frame-of-the-executors", "write(frame(4, 1, mine, b'x'))"),
    Hostile("P4", "a-second-hello", "write(frame(1, 1, 0, b'{}'))"),
    Hostile("P4", "a-second-bound", "write(frame(3, 1, 0, b'{}'))"),
    Hostile("P4", "flood-of-empty-logs", "await flood(log(mine))"),
    Hostile("P4", "flood-of-logs-of-the-import", "await flood(log(0, b'x' * 99))"),
    Hostile("P4", "flood-of-windows", "await flood(frame(WINDOW, 0, mine, bytes(4)))"),
    Hostile(
        "P4", "flood-of-windows-of-nobody", "await flood(frame(WINDOW, 0, mine + 9, bytes(4)))"
    ),
    Hostile(
        "P4",
        "flood-of-empty-body",
        "write(response(mine, flags=0)); await flood(frame(DATA, 0, mine))",
        (CUT,),
    ),
    Hostile(
        "P4",
        "more-body-than-credit",
        "write(response(mine, flags=0)); await flood(frame(DATA, 0, mine, b'x' * 9999))",
        (CUT,),
    ),
    Hostile("P4", "noise", "import os\n    await flood(os.urandom(SIZE))"),
    Hostile("P6", "a-log-of-the-future", "write(log(mine + 9))"),
    Hostile("P6", "a-log-of-no-level", "write(log(mine, level=3))"),
    Hostile("P6", "a-log-of-no-source", "write(log(mine, source=77))"),
    Hostile("P6", "a-long-log", "write(log(mine, b'x' * (1 << 20)))"),
    Hostile("P6", "an-unknown-outcome", """write(frame(ERROR, 1, mine, b'{"outcome": "ok"}'))"""),
    Hostile(
        "P6",
        "a-code-that-is-no-word",
        """write(frame(ERROR, 1, mine, b'{"outcome": "script_error", "code": "a\\\\u0000b", '
    b'"message": "m"}'))""",
    ),
    Hostile(
        "P6",
        "a-head-http-can-not-carry",
        "write(response(mine, head=b'200\\nx: a\\rSet-Cookie: b'))",
        ((500, "answer_invalid"),),
    ),
    Hostile("P8", "a-call-of-no-service", """write(call(1, b'{"op": "shell", "for": 0}'))"""),
    Hostile("P8", "a-call-twice", "write(fetch(7, mine) * 2)"),
    Hostile("P8", "a-call-without-a-beginning", "write(call(9, b'', b'x'))"),
    Hostile("P8", "a-call-with-a-long-head", "write(call(1, b' ' * 300_000 + b'{}'))"),
    Hostile("P8", "a-call-that-is-no-object", "write(call(1, b'[]'))"),
    Hostile("P8", "a-result-of-its-own", "write(frame(RESULT, 1, 1, bytes(4)))"),
    Hostile(
        "P8",
        "calls-for-somebody-else",
        "write(b''.join(fetch(i, mine + i, app='neighbour', hops=-1) for i in range(1, 99)))",
        ((200, "None"),),
    ),
    Hostile(
        "P8",
        "flood-of-calls",
        "write(b''.join(fetch(i, mine) for i in range(1, 9999)))",
    ),
    Hostile(
        "P8",
        "flood-of-parts-of-a-call-that-failed",
        "write(fetch(1, mine)); await flood(call(1, b'', b'', 0))",
    ),
    Hostile(
        "P7",
        "stdout-and-stderr",
        "import os\n    os.write(1, (b'x' * 99 + b'\\n') * 2000); os.write(2, b'y' * 200_000)",
        ((200, "None"), (500, "interpreter_died")),
    ),
)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: f"{each.id}-{each.name}")
async def test_it_costs_that_sandbox_its_life_and_nobody_else_anything(
    hostile: Hostile, node: NodeProcess
) -> None:
    source = f"{PRELUDE}    {hostile.body}\n"
    app = hostile.name
    version = await node.deploy("hostile", source, app=app, kind="async", limits=LIMITS)
    status, _, body = await beside(node, call(node, f"/x/{app}/hostile"))
    code = json.loads(body)["error"]["code"] if status >= 400 else body
    assert (status, code) in hostile.answers, node.log.read_text()[-2000:]
    assert len(await records(node, version)) < MOST_RECORDED
