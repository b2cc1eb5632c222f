"""The soft stop: at its deadline a script is interrupted, and the log says where it was stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from picloud.executor import frames
from support.sandbox_client import Answer, Box

Start = Callable[..., Box]

SOURCE = """
import json, re, time

def loop():
    n = 0
    while True:
        n += 1

def swallow():
    while True:
        try:
            loop()
        except Exception:
            pass

def print_for_ever():
    while True:
        print("x" * 100)

class Nasty(Exception):
    def __str__(self):
        while True: pass

class Items(dict):
    def items(self):
        while True: pass

class Text(str):
    def encode(self, *_):
        while True: pass

class Kind(type):
    @property
    def __name__(cls):
        while True: pass

class OfNastyKind(Exception, metaclass=Kind):
    pass

def raising(error):
    raise error

def late():
    try:
        loop()
    except BaseException:
        return "too late"

def chunks(turns):
    for _ in range(turns):
        yield "chunk"
    loop()

def clean_up():
    try:
        loop()
    finally:
        raise ValueError("in the clean-up")

ways = {
    "loop": loop,
    "swallow": swallow,
    "sleep": lambda: time.sleep(60),
    "sleep in steps": lambda: [time.sleep(0.01) for _ in range(10_000)],
    "power": lambda: len(str(9 ** 9 ** 7)),
    "pattern": lambda: re.match("(a+)+$", "a" * 60 + "b"),
    "print": print_for_ever,
    "raise": lambda: raising(Nasty()),
    "raise of a nasty kind": lambda: raising(OfNastyKind()),
    "dict": lambda: [Items({1: 2})],
    "str": lambda: Text("x"),
    "late": late,
    "clean-up": clean_up,
    "first chunk": lambda: chunks(0),
}

def handler(request):
    return ways[request.text()]() if request.text() in ways else "on"
"""
WAYS = (
    "loop",
    "swallow",
    "sleep",
    "sleep in steps",
    "power",
    "pattern",
    "print",
    "raise",
    "dict",
    "str",
    "late",
    "clean-up",
    "first chunk",
)
SAID = "the invocation ran longer than timeout_ms=10000"
TIMEOUT = {"outcome": "timeout", "code": "timeout", "message": SAID}


@pytest.fixture(scope="module")
def box(snapshot: Path) -> Iterator[Box]:
    box = Box(snapshot)
    box.bind(SOURCE)
    yield box
    box.close()


def stuck(answer: Answer) -> list[str]:
    """The tracebacks in the log."""
    return [text for _, source, text in answer.logs if source == frames.TRACEBACK]


@pytest.mark.parametrize("way", WAYS)
def test_code_that_goes_on_for_ever_is_stopped(box: Box, way: str) -> None:
    answer = box.call(body=way.encode(), timeout_ms=100)
    assert answer.error == TIMEOUT
    if way != "print":
        where = stuck(answer)[0]
        assert where.startswith("Traceback (most recent call last):\n")
        assert 'File "hello.py", line' in where
        assert where.endswith("TimeLimit: " + SAID)
        assert "_picloud" not in where
    # The next one has its own time, however soon it comes.
    assert [box.call(timeout_ms=5000).body for _ in range(20)] == [b"on"] * 20


def test_the_log_says_in_which_line_it_was_stuck(box: Box) -> None:
    [text] = stuck(box.call(body=b"sleep", timeout_ms=50))
    lines = [line.strip() for line in text.splitlines() if "^" not in line]
    assert lines[-2] == '"sleep": lambda: time.sleep(60),'
    assert lines[1].endswith(", in handler")


def test_a_script_that_catches_everything_is_told_again_and_again(start: Start) -> None:
    box = start(
        "def handler(request):\n"
        "    times = 0\n"
        "    while True:\n"
        "        try:\n"
        "            while True: pass\n"
        "        except BaseException:\n"
        "            times += 1\n"
        "            print('caught', times)\n"
    )
    stream = box.invoke(timeout_ms=50)
    seen: list[str] = []
    while "caught 3" not in seen:
        kind, _, of, payload = box.receive()
        assert (kind, of) == (frames.LOG, stream)
        seen.append(frames.decode_log(payload)[3])
    assert sum(text.startswith("Traceback") for text in seen) == 1


def test_a_stream_is_stopped_when_it_is_silent_for_too_long(start: Start) -> None:
    box = start(
        "import time\n"
        "def handler(request):\n"
        "    for _ in range(6):\n"
        "        time.sleep(0.05)\n"
        "        yield 'chunk'\n"
        "    while True: pass\n",
        stream_idle_ms=200,
    )
    # Each chunk gives it time anew: together they take longer than either limit.
    answer = box.call(timeout_ms=200)
    assert answer.body == b"chunk" * 6
    assert answer.error is not None
    assert answer.error["code"] == "timeout"
    assert answer.error["message"] == "the stream was silent longer than stream_idle_ms=200"
    assert "while True: pass" in stuck(answer)[0]


def test_the_clean_up_of_a_cancelled_generator_is_limited(start: Start) -> None:
    box = start(
        "def handler(request):\n"
        "    try:\n"
        "        while True: yield 'x' * 100_000\n"
        "    finally:\n"
        "        while request.path == '/stuck': pass\n"
    )
    stream = box.invoke(path="/stuck")
    while not box.is_silent():
        box.receive()
    box.cancel(stream)
    answer = box.answer(stream)
    assert answer.error is not None
    assert answer.error["code"] == "cancelled"
    assert "while request.path == '/stuck': pass" in stuck(answer)[0]


ASYNC = """
import asyncio

async def deep():
    await asyncio.sleep(3600)

async def parts():
    yield "first"
    await deep()

async def handler(request):
    match request.path:
        case "/deep": await deep()
        case "/chatty":
            print("here")
            await deep()
        case "/task": await asyncio.create_task(deep())
        case "/parts": return parts()
        case "/loop":
            while True: pass
        case "/child":
            async def child():
                while True: pass
            await asyncio.create_task(child())
        case "/stubborn":
            while True:
                try: await deep()
                except BaseException: print("no")
    return "on"
"""


def test_the_name_of_an_error_is_asked_of_nobody(box: Box) -> None:
    error = box.call(body=b"raise of a nasty kind", timeout_ms=3000).error
    assert error is not None
    assert error["code"] in ("script_raised", "timeout")


@pytest.mark.parametrize("path", ["/deep", "/task", "/loop", "/child"])
def test_an_async_handler_is_stopped_where_it_waits_or_computes(start: Start, path: str) -> None:
    box = start(ASYNC)
    answer = box.call(path=path, timeout_ms=100)
    assert answer.error == TIMEOUT
    text = stuck(answer)[0]
    line = "await asyncio.sleep(3600)" if path in ("/deep", "/task") else "while True: pass"
    assert line in text
    assert "_picloud" not in text
    assert text.endswith("TimeLimit: " + SAID)
    assert box.call(path="/").body == b"on"


def test_a_silent_async_stream_is_stopped_and_its_inside_shown(start: Start) -> None:
    answer = start(ASYNC, stream_idle_ms=100).call(path="/parts")
    assert answer.body == b"first"
    assert answer.error is not None
    assert answer.error["code"] == "timeout"
    [text] = stuck(answer)
    assert "in parts" in text
    assert "await asyncio.sleep(3600)" in text


def test_the_deadline_of_one_that_waits_holds_while_another_computes(start: Start) -> None:
    box = start(ASYNC)
    waits = box.invoke(path="/deep", timeout_ms=100)
    computes = box.invoke(path="/loop", timeout_ms=1500)
    first = box.answer(waits)
    assert "await asyncio.sleep(3600)" in stuck(first)[0]
    second = box.answer(computes)
    assert [first.error, second.error] == [TIMEOUT, TIMEOUT]
    assert "while True: pass" in stuck(second)[0]


def test_a_task_that_swallows_its_cancellation_is_cancelled_again(start: Start) -> None:
    box = start(ASYNC)
    stream = box.invoke(path="/stubborn", timeout_ms=50)
    texts: list[str] = []
    while texts.count("no") < 3:
        kind, _, of, payload = box.receive()
        assert (kind, of) == (frames.LOG, stream)
        texts.append(frames.decode_log(payload)[3])
    assert sum(text.startswith("Traceback") for text in texts) == 1
    assert box.call(path="/").body == b"on"


def test_an_import_is_stopped_too(start: Start) -> None:
    error, answer = start().bind("import time\ntime.sleep(60)\n", import_ms=100)
    assert error == {
        "outcome": "timeout",
        "code": "timeout",
        "message": "the import ran longer than import_ms=100",
    }
    assert "time.sleep(60)" in stuck(answer)[0]


def test_a_cancel_at_the_deadline_is_a_timeout(start: Start) -> None:
    box = start(ASYNC)
    stream = box.invoke(path="/chatty", timeout_ms=0)
    assert box.receive()[0] == frames.LOG
    box.cancel(stream)
    assert box.answer(stream).error == TIMEOUT


def test_a_late_signal_stops_nothing(start: Start) -> None:
    source = (
        "import time\n"
        "from _picloud import deadline\n"
        "def handler(request):\n"
        "    deadline.disarm()\n"
        "    deadline._on_signal(2, None)\n"
        "    time.sleep(0.02)\n"
        "    return [sum(range(100_000))]\n"
    )
    assert start(source).call().json == [4999950000]


def test_sleeping_takes_its_time_and_refuses_what_is_no_time(start: Start) -> None:
    source = (
        "import time\n"
        "def handler(request):\n"
        "    started = time.perf_counter()\n"
        "    time.sleep(0.15)\n"
        "    took = time.perf_counter() - started\n"
        "    faults = []\n"
        "    for wrong in (-1, 'x', None, float('nan')):\n"
        "        try: time.sleep(wrong)\n"
        "        except (ValueError, TypeError) as error: faults.append(type(error).__name__)\n"
        "    return [took, faults]\n"
    )
    took, faults = start(source).call().json
    assert took >= 0.149
    assert faults == ["ValueError", "TypeError", "TypeError", "ValueError"]
