"""`isolation: invocation`: nothing of one request is there for the next."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]

SOURCE = '''
import asyncio, builtins, json, linecache, logging, os, random, statistics, sys
counter = 0
held = []
cache = {}

class Memo:
    seen = []

def handler(request):
    """Says what it finds, then leaves traces wherever a script can."""
    global counter
    order = request.json()
    found = {
        "counter": counter, "held": len(held), "cache": list(cache), "seen": list(Memo.seen),
        "files": sorted(os.listdir("/tmp")), "home": sorted(os.listdir("/home/pyodide")),
        "env": os.environ.get("LEAK"), "power": pow(2, 3), "path": sys.path[-1],
        "modules": "leak" in sys.modules, "hidden": hasattr(builtins, "leak"),
        "cwd": os.getcwd(), "level": logging.getLogger("x").level, "mean": statistics.mean([1, 3]),
        "library": os.path.getsize("/lib/python314.zip"), "open": open_files(),
        "recursion": sys.getrecursionlimit(), "random": random.random(), "nr": order["nr"],
    }
    traces(order)
    return found

def open_files():
    count = 0
    for number in range(64):
        try:
            os.fstat(number)
            count += 1
        except OSError:
            pass
    return count

def traces(order):
    global counter
    counter += 1
    held.append(bytearray(order.get("size", 1000)))
    cache[order["nr"]] = order
    Memo.seen.append(order["nr"])
    handler.left = 1
    name = "/tmp/file-%d" % order["nr"]
    with open(name, "w") as file:
        file.write("secret")
    os.mkdir("/home/pyodide/left")
    os.environ["LEAK"] = "secret"
    os.open(name, os.O_RDONLY)
    os.chdir("/home/pyodide/left")
    builtins.pow = lambda *values: 99
    builtins.leak = "secret"
    statistics.mean = lambda values: "secret"
    sys.modules["leak"] = sys
    sys.path.append("/secret")
    sys.setrecursionlimit(500)
    logging.getLogger("x").setLevel(logging.DEBUG)
    with open("/lib/python314.zip", "r+b") as file:
        file.write(b"broken" * 1000)
        file.truncate(7000)
    os.rename("/home/web_user", "/tmp/moved")
    loop = asyncio.new_event_loop()
    loop.call_later(0.001, print, "left over")
    print("of", order["nr"])
    if order.get("fail"):
        raise ValueError("secret")
'''

FRESH = {
    "counter": 0,
    "held": 0,
    "cache": [],
    "seen": [],
    "files": [],
    "home": [],
    "env": None,
    "power": 8,
    "modules": False,
    "hidden": False,
    "cwd": "/home/pyodide",
    "level": 0,
    "mean": 2,
    "recursion": 1000,
}


def ask(box: Box, nr: int, **order: object) -> int:
    return box.invoke(method="POST", body=json.dumps({"nr": nr, **order}).encode())


def test_a_thousand_requests_find_the_interpreter_as_the_first_one_did(start: Start) -> None:
    box = start(SOURCE, isolation="invocation")
    first = box.answer(ask(box, 0)).json
    fixed = FRESH | {name: first[name] for name in ("path", "library", "open")}
    numbers = set()
    for nr in range(1, 1001):
        if nr % 17 == 0:
            failed = box.answer(ask(box, nr, fail=True))
            assert failed.error is not None
            assert failed.error["message"] == "ValueError: secret"
            continue
        answer = box.answer(ask(box, nr, size=60_000_000 if nr == 500 else 1000))
        found = answer.json
        numbers.add(found.pop("random"))
        assert found == fixed | {"nr": nr}
        assert [text for _, _, text in answer.logs] == [f"of {nr}"]
    assert len(numbers) == 1000 - 1000 // 17


LEFT = "1 task was still running at the end of the invocation: cancelled"


def test_asynchronous_requests_leave_no_tasks_behind(start: Start) -> None:
    source = (
        "import asyncio\n"
        "counter = 0\n"
        "async def late():\n"
        "    await asyncio.sleep(2)\n"
        "    print('late')\n"
        "async def handler(request):\n"
        "    global counter\n"
        "    counter += 1\n"
        "    asyncio.get_running_loop().call_later(1, print, 'late')\n"
        "    request.task = asyncio.ensure_future(late())\n"
        "    await asyncio.sleep(0.001)\n"
        "    return [counter, len(asyncio.all_tasks())]\n"
    )
    box = start(source, isolation="invocation")
    for _ in range(30):
        answer = box.call()
        assert answer.json == [1, 2]
        assert [text for _, _, text in answer.logs] == [LEFT]
    assert box.is_silent(2.5)


def test_requests_that_wait_run_one_at_a_time_with_large_bodies_and_cancels(start: Start) -> None:
    source = (
        "seen = []\n"
        "def handler(request):\n"
        "    seen.append(1)\n"
        "    return [len(seen), len(request.body), sum(request.body)]\n"
    )
    box = start(source, isolation="invocation")
    bodies = [random.Random(n).randbytes(200_000) for n in range(8)]
    streams = [box.invoke(method="POST", body=body) for body in bodies]
    for stream, body in zip(streams, bodies, strict=True):
        assert box.answer(stream).json == [1, 200_000, sum(body)]
    # one frame of the socket holds all of these: none has begun when the cancel comes
    streams = [box.invoke(method="POST", body=b"x") for _ in range(20)]
    box.cancel(streams[-1])
    answers = [box.answer(stream) for stream in streams]
    assert all(answer.json == [1, 1, 120] for answer in answers[:-1])
    assert answers[-1].error is None or answers[-1].error["code"] == "cancelled"


def test_large_bodies_are_gone_with_their_request(start: Start) -> None:
    source = (
        "seen = []\n"
        "def handler(request):\n"
        "    seen.append(request.body)\n"
        "    return [len(seen), len(request.body), sum(request.body)]\n"
    )
    box = start(source, isolation="invocation")
    for count in (1, 2, 5, 12, 2, 1):
        body = random.Random(count).randbytes(count * frames.INITIAL_WINDOW)
        assert box.answer(in_parts(box, body)).json == [1, len(body), sum(body)]


def in_parts(box: Box, body: bytes) -> int:
    """INVOKE and DATA, as the executor sends what is larger than the window."""
    size = frames.INITIAL_WINDOW
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    stream = box.invoke(method="POST", body=parts[0], end=len(parts) == 1)
    for left, part in zip(range(len(parts) - 2, -1, -1), parts[1:], strict=True):
        assert box.receive()[0] == frames.WINDOW
        box.send(frames.encode(frames.DATA, 0 if left else frames.END, stream, part))
    return stream


def test_streams_end_before_the_next_request_begins(start: Start) -> None:
    source = (
        "turns = []\n"
        "def handler(request):\n"
        "    for n in range(3):\n"
        "        turns.append(n)\n"
        "        yield str(turns) + ';'\n"
    )
    box = start(source, isolation="invocation")
    streams = [box.invoke() for _ in range(3)]
    for stream in streams:
        assert box.answer(stream).body == b"[0];[0, 1];[0, 1, 2];"


def test_a_request_that_touches_javascript_is_the_sandboxes_last(start: Start) -> None:
    source = (
        "import js\n"
        "def handler(request):\n"
        "    left = getattr(js, 'left', None)\n"
        "    js.left = 'secret'\n"
        "    return [left]\n"
    )
    box = start(source, isolation="invocation")
    assert box.call().json == [None]
    status, said = box.end()
    assert (status, said) == (0, "")


def test_without_it_a_sandbox_remembers(start: Start) -> None:
    source = "seen = []\ndef handler(request):\n    seen.append(1)\n    return seen\n"
    box = start(source, isolation="sandbox")
    assert [box.call().json for _ in range(3)] == [[1], [1, 1], [1, 1, 1]]
