"""Generators, flow control and cancellation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]

KINDS = {
    "generator": "def handler(request):\n    yield from parts(request)\n",
    "async generator": (
        "async def handler(request):\n"
        "    for part in parts(request):\n        yield part\n        await asyncio.sleep(0)\n"
    ),
    "generator in a response": (
        "def handler(request):\n"
        "    return pic.Response(parts(request), 201, content_type='text/html')\n"
    ),
    "generator from a coroutine": "async def handler(request):\n    return parts(request)\n",
}
COMMON = "import asyncio, pic\n"


@pytest.mark.parametrize("kind", KINDS)
def test_generators_are_streamed(start: Start, kind: str) -> None:
    box = start(COMMON + "def parts(r):\n    yield 'a'\n    yield b'b'\n" + KINDS[kind])
    answer = box.call()
    assert answer.body == b"ab"
    assert answer.status == (201 if "response" in kind else 200)
    assert answer.headers["content-type"].startswith("text/")
    assert box.call().body == b"ab"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_stops_where_its_credit_ends(start: Start, kind: str) -> None:
    parts = "def parts(r):\n    for _ in range(100): yield b'x' * 10_000\n"
    box = start(COMMON + parts + KINDS[kind])
    stream = box.invoke()
    sent = 0
    while not box.is_silent():
        frame = box.receive()
        sent += len(frame[3]) if frame[0] == frames.DATA else 0
    assert sent == frames.INITIAL_WINDOW
    box.send(frames.encode_window(stream, 1_000_000))
    assert len(box.answer(stream).body) == 1_000_000 - frames.INITIAL_WINDOW


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_stream_runs_its_clean_up(start: Start, kind: str) -> None:
    parts = (
        "def parts(r):\n"
        "    try:\n        while True: yield b'x' * 10_000\n"
        "    finally:\n        print('closed')\n"
    )
    box = start(COMMON + parts + KINDS[kind])
    stream = box.invoke()
    while not box.is_silent():
        box.receive()
    box.cancel(stream)
    answer = box.answer(stream)
    assert answer.error is not None
    assert answer.error["outcome"] == "cancelled"
    assert [text for _, _, text in answer.logs] == ["closed"]


def test_an_error_before_the_first_chunk_is_a_plain_error(start: Start) -> None:
    box = start("def handler(request):\n    raise ValueError('no')\n    yield 1\n")
    answer = box.call()
    assert answer.status == 0
    assert answer.error is not None
    assert answer.error["message"] == "ValueError: no"


def test_an_error_in_the_middle_ends_the_stream(start: Start) -> None:
    box = start("def handler(request):\n    yield 'a'\n    yield 7\n")
    answer = box.call()
    assert answer.body == b"a"
    assert answer.error is not None
    assert answer.error["message"] == "the handler yielded an int; allowed are str and bytes"


def test_a_sleeping_coroutine_can_be_cancelled(start: Start) -> None:
    box = start(
        "import asyncio\n"
        "async def handler(request):\n"
        "    print('begins')\n"
        "    try:\n        await asyncio.sleep(3600)\n"
        "    finally:\n        print('ends')\n"
    )
    stream = box.invoke()
    assert box.receive()[0] == frames.LOG
    box.cancel(stream)
    answer = box.answer(stream)
    assert answer.error is not None
    assert answer.error["outcome"] == "cancelled"
    assert answer.logs[-1][2] == "ends"


def test_a_waiting_invocation_can_be_cancelled(start: Start) -> None:
    box = start(
        "import time\n"
        "def handler(request):\n"
        "    print('runs')\n    time.sleep(0.2)\n    return ''\n"
    )
    first, second, third = box.invoke(), box.invoke(), box.invoke()
    box.cancel(second)
    assert box.answer(first).status == 200
    answer = box.answer(second)
    assert answer.error is not None
    assert answer.error["outcome"] == "cancelled"
    assert answer.logs == []
    assert box.answer(third).status == 200


def test_a_cancel_for_what_has_ended_is_ignored(start: Start) -> None:
    box = start("def handler(request):\n    return ''\n")
    box.call()
    box.cancel(1)
    box.cancel(99)
    assert box.call().status == 200


def test_synchronous_handlers_run_one_at_a_time(start: Start) -> None:
    box = start(
        "active = 0\n"
        "def handler(request):\n"
        "    global active\n"
        "    active += 1\n"
        "    yield str(active)\n"
        "    yield 'x' * 1000\n"
        "    active -= 1\n"
    )
    streams = [box.invoke() for _ in range(5)]
    assert {box.answer(stream).body[:1] for stream in streams} == {b"1"}


def test_asynchronous_handlers_interleave(start: Start) -> None:
    box = start(
        "import asyncio\n"
        "event = asyncio.Event()\n"
        "async def handler(request):\n"
        "    if request.path == '/wait':\n"
        "        async with asyncio.timeout(20): await event.wait()\n"
        "        return 'woken'\n"
        "    event.set()\n"
        "    return 'set'\n"
    )
    waiting = box.invoke(path="/wait")
    assert box.call(path="/set").body == b"set"
    assert box.answer(waiting).body == b"woken"
