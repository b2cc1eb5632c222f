"""Booting, checking, binding, dying."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]
HELLO = "def handler(request):\n    return 'hello'\n"


def test_a_sandbox_says_hello_and_serves_from_the_snapshot(start: Start) -> None:
    box = start()
    assert box.hello["boot"] == "snapshot"
    assert box.hello["protocol"] == [1, 1]
    assert box.bind(HELLO)[0]["kind"] == "sync"
    assert box.call().body == b"hello"


def test_a_sandbox_boots_without_a_snapshot(start: Start) -> None:
    box = start(HELLO, path=None)
    assert box.hello["boot"] == "full"
    assert box.call().body == b"hello"


def test_a_snapshot_that_does_not_fit_is_not_used(
    start: Start, snapshot: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "other.snap"
    wrong.write_bytes(snapshot.read_bytes())
    cut = tmp_path / snapshot.name
    cut.write_bytes(snapshot.read_bytes()[:100_000])
    for path in (wrong, cut, tmp_path / "missing.snap"):
        box = start(HELLO, path=path)
        assert box.hello["boot"] == "full"
        assert box.call().body == b"hello"


def test_two_sandboxes_have_different_random_numbers(start: Start) -> None:
    source = (
        "import random, tempfile, uuid, secrets\n"
        "at_import = random.random()\n"
        "def handler(request):\n"
        "    names = next(tempfile._get_candidate_names())\n"
        "    return [at_import, random.random(), random.Random().random(), names,\n"
        "            str(uuid.uuid4()), secrets.token_hex(), str(uuid.uuid1())]\n"
    )
    first, second = start(source).call().json, start(source).call().json
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_nothing_of_the_host_shows_in_the_environment(start: Start) -> None:
    box = start("import os\ndef handler(request):\n    return dict(os.environ)\n")
    assert set(box.call().json) == {"HOME", "LANG", "TZ"}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def handler(r): return 1", "sync"),
        ("async def handler(r): return 1", "async"),
        ("async def handler(r): yield 1", "async"),
        ("def handler(r): yield 1", "generator"),
        ("handler = lambda r: 1", "sync"),
        ("try:\n    def handler(r): return 1\nfinally:\n    pass", "sync"),
        ("class H:\n    async def __call__(self, r): return ''\nhandler = H()", "sync"),
    ],
)
def test_check_finds_the_handler(blank: Box, source: str, kind: str) -> None:
    checked = blank.check(source)
    assert checked == {"ok": True, "entry_points": ["handler"], "kind": kind}


@pytest.mark.parametrize(
    ("source", "code", "line", "column", "says"),
    [
        ("x = 1\ndef handler(:\n", "syntax_error", 2, 13, "SyntaxError: "),
        ("def handler(r):\nreturn 1", "syntax_error", 2, 1, "IndentationError"),
        ("return 5", "syntax_error", 1, 1, "outside function"),
        ("x = 1", "entry_point_missing", 1, 1, "defines no handler"),
        ("", "entry_point_missing", 1, 1, "defines no handler"),
        ("class handler: pass", "handler_invalid", 1, 1, "handler is a class"),
        ("\nhandler = 5", "handler_invalid", 2, 1, "handler is a value"),
        ("def handler(): pass", "handler_invalid", 1, 1, "takes no argument"),
        ("def handler(a, b): pass", "handler_invalid", 1, 1, "needs 2 arguments"),
        ("def handler(a, *, b): pass", "handler_invalid", 1, 1, "keyword argument 'b'"),
        ("x = '\0'", "syntax_error", 1, 1, "null bytes"),
    ],
)
def test_check_names_what_is_wrong_and_where(
    blank: Box, source: str, code: str, line: int, column: int, says: str
) -> None:
    error = blank.check(source)["error"]
    assert (error["code"], error["line"], error["column"]) == (code, line, column)
    assert says in error["message"]


def test_check_runs_nothing_and_the_source_can_be_bound_after_it(start: Start) -> None:
    box = start()
    source = "print('ran')\n" + HELLO
    assert box.check(source)["ok"]
    bound, answer = box.bind(source)
    assert bound["entry_points"] == ["handler"]
    assert [text for _, _, text in answer.logs] == ["ran"]


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        ("import nothing_like_it", "import_failed", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "import_failed", "SystemExit: 3"),
        ("1/0", "import_failed", "ZeroDivisionError"),
        ("x =", "import_failed", "SyntaxError"),
        ("x = 1", "handler_missing", "defines no handler"),
        ("handler = 5", "handler_invalid", "of type int"),
        ("def handler(): pass", "handler_invalid", "takes no argument"),
    ],
)
def test_a_script_that_can_not_be_bound_says_why(
    start: Start, source: str, code: str, says: str
) -> None:
    error, answer = start().bind(source)
    assert error["code"] == code
    assert says in error["message"]
    assert answer.logs[-1][:2] == (40, frames.TRACEBACK)


@pytest.mark.parametrize(
    "stunt", ["raise SystemExit(1)", "import sys; sys.exit()", "raise KeyboardInterrupt"]
)
@pytest.mark.parametrize("how", ["def", "async def"])
def test_leaving_is_an_error_of_the_script_only(start: Start, how: str, stunt: str) -> None:
    box = start(f"{how} handler(request):\n    if request.path == '/x': {stunt}\n    return 'on'\n")
    error = box.call(path="/x").error
    assert error is not None
    assert error["code"] == "script_raised"
    assert box.call(path="/y").body == b"on"


@pytest.mark.parametrize(
    "stunt",
    [
        "import os; os._exit(3)",
        "import os; os.abort()",
        "import ctypes; ctypes.memset(0x7fffffff, 0, 99)",
    ],
)
def test_a_dead_interpreter_ends_the_process_after_saying_so(start: Start, stunt: str) -> None:
    box = start(f"def handler(request):\n    print('last')\n    {stunt}\n")
    answer = box.call()
    assert answer.error is not None
    assert answer.error["code"] == "interpreter_died"
    assert answer.logs[0][2] == "last"
    status, said = box.end()
    assert status == 70
    assert len(said) < 10_000


def test_too_much_memory_is_an_outcome_and_the_sandbox_lives(start: Start) -> None:
    source = (
        "def handler(request):\n"
        "    return str(len(bytearray(int(request.query['mb']) * 1024 * 1024)))\n"
    )
    box = start(source, memory_mb=64)
    error = box.call(query="mb=200").error
    assert error is not None
    assert (error["outcome"], error["code"]) == ("out_of_memory", "out_of_memory")
    assert box.call(query="mb=5").status == 200


def test_a_retired_sandbox_finishes_and_leaves(start: Start) -> None:
    box = start(
        "import asyncio\n"
        "async def handler(request):\n    await asyncio.sleep(0.1)\n    return 'done'\n"
    )
    stream = box.invoke()
    box.send(frames.encode(frames.RETIRE, 0, 0))
    assert box.answer(stream).body == b"done"
    assert box.end()[0] == 0


def test_a_sandbox_leaves_with_its_executor(start: Start) -> None:
    box = start(HELLO)
    box.socket.close()
    assert box.end()[0] == 0


@pytest.mark.parametrize(
    "data",
    [frames.encode(99, 0, 0), (3 << 20).to_bytes(4, "little") + bytes(8)],
)
def test_a_sandbox_ends_on_what_it_can_not_read(start: Start, data: bytes) -> None:
    box = start(HELLO)
    box.send(data)
    assert box.end()[0] == 65


def test_asyncio_run_works_in_a_synchronous_handler(start: Start) -> None:
    box = start(
        "import asyncio\n"
        "async def work():\n    await asyncio.sleep(0.01)\n    return 'worked'\n"
        "def handler(request):\n    return asyncio.run(work())\n"
    )
    assert box.call().body == b"worked"
    assert box.call().body == b"worked"


def test_context_of_one_invocation_does_not_reach_the_next(start: Start) -> None:
    box = start(
        "from decimal import getcontext\n"
        "def handler(request):\n"
        "    before = getcontext().prec\n"
        "    getcontext().prec = 7\n"
        "    return [before]\n"
    )
    assert box.call().json == [28]
    assert box.call().json == [28]


def test_a_promise_of_javascript_can_be_awaited(start: Start) -> None:
    box = start(
        "import js\n"
        "async def handler(request):\n"
        "    return [await js.Promise.resolve(await js.Promise.resolve(7))]\n"
    )
    assert box.call().json == [7]
