"""The soft stop, below whoever decides on deadlines: a script arms it for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.sandbox_client import Box

Start = Callable[..., Box]

SOURCE = """
import json, re, time
from _picloud import deadline

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

ways = {
    "loop": loop,
    "swallow": swallow,
    "sleep": lambda: time.sleep(60),
    "sleep in steps": lambda: [time.sleep(0.01) for _ in range(10_000)],
    "power": lambda: len(str(9 ** 9 ** 7)),
    "pattern": lambda: re.match("(a+)+$", "a" * 60 + "b"),
    "json": lambda: json.dumps([1] * 10_000_000),
    "print": print_for_ever,
}

def handler(request):
    way = ways[request.text()]
    started = deadline.now()
    deadline.arm(started + 100)
    try:
        way()
    except deadline.TimeLimit:
        deadline.disarm()
        return [deadline.now() - started]
    finally:
        deadline.disarm()
    return "it came to an end"
"""
WAYS = ("loop", "swallow", "sleep", "sleep in steps", "power", "pattern", "json", "print")


@pytest.fixture(scope="module")
def box(snapshot: Path) -> Iterator[Box]:
    box = Box(snapshot)
    box.bind(SOURCE)
    yield box
    box.close()


@pytest.mark.parametrize("way", WAYS)
def test_code_that_goes_on_for_ever_is_stopped(box: Box, way: str) -> None:
    answer = box.call(body=way.encode())
    assert answer.error is None, answer.logs
    assert answer.json[0] >= 100


def test_a_disarmed_word_stops_nothing(start: Start) -> None:
    source = (
        "import time\n"
        "from _picloud import deadline\n"
        "def handler(request):\n"
        "    deadline.arm(deadline.now() + 60_000)\n"
        "    deadline.disarm()\n"
        "    deadline._on_signal(2, None)\n"
        "    time.sleep(0.02)\n"
        "    return [sum(range(100_000))]\n"
    )
    assert start(source).call().json == [4999950000]


def test_another_invocation_is_not_stopped_in_the_place_of_the_one_that_is_due(
    start: Start,
) -> None:
    source = (
        "import time\n"
        "from _picloud import deadline\n"
        "def handler(request):\n"
        "    end = deadline.now() + 500\n"
        "    deadline.Running.deadline = lambda: end\n"
        "    deadline.arm(deadline.now())\n"
        "    turns = 0\n"
        "    try:\n"
        "        while True: turns += 1\n"
        "    except deadline.TimeLimit:\n"
        "        deadline.disarm()\n"
        "        return [deadline.now() >= end]\n"
    )
    assert start(source).call().json == [True]


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
