"""What a script finds when it looks for JavaScript, and both loaders doing the same work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox_client import Box

SOURCE = """
import js, pyodide_js, sys
from pyodide.ffi import JsException, to_js
from _picloud.outbox import outbox

NAMES = ("process", "require", "module", "Buffer", "fetch", "WebSocket", "Worker", "XMLHttpRequest",
         "window", "document", "sessionStorage", "importScripts", "navigator", "global")
SYSTEMS = ("NODEFS", "WORKERFS", "PROXYFS", "IDBFS")

def handler(request):
    return [evaluate(request.text())]

def evaluate(text):
    try:
        return str(eval(text))
    except JsException as error:
        return error.js_error.name
    except Exception as error:
        return type(error).__name__

def names():
    return [name for name in NAMES if hasattr(js, name)]

def systems():
    found = [name for name in SYSTEMS if hasattr(pyodide_js._module, name)]
    return found + [name for name in SYSTEMS if hasattr(pyodide_js.FS.filesystems, name)]

def foreign():
    '''What the host throws is made anew in the realm.'''
    try:
        outbox.send(10**9)
    except JsException as error:
        made = error.js_error
        return made.constructor == js.Error and made.message
"""


@pytest.fixture(scope="module")
def box(snapshot: Path) -> Iterator[Box]:
    box = Box(snapshot)
    box.bind(SOURCE)
    yield box
    box.close()


def evaluate(box: Box, text: str) -> str:
    answer = box.call(body=text.encode())
    assert answer.error is None, answer.logs
    found: str = answer.json[0]
    return found


def test_nothing_of_node_or_of_a_browser_is_there(box: Box) -> None:
    assert evaluate(box, "names()") == "[]"
    assert evaluate(box, "systems()") == "[]"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("js.eval('1')", "EvalError"),
        ("js.Function.new('return 1')", "EvalError"),
        ("pyodide_js.runPython.constructor('return 1')", "EvalError"),
        ("js.setTimeout.constructor('return process')", "EvalError"),
        ("to_js([1]).constructor.constructor('return process')", "EvalError"),
        ("foreign()", "the size must be from 0 to 524288"),
        ("js.Object.isFrozen(js.JSON)", "True"),
        ("js.Object.isFrozen(js.Promise.prototype)", "True"),
        ("js.Object.isFrozen(js.WebAssembly.Memory.prototype)", "True"),
        ("js.performance.now() > 0", "True"),
        ("js.TextDecoder.new().decode(js.TextEncoder.new().encode('é€😀'))", "é€😀"),
    ],
)
def test_the_realm_is_closed(box: Box, text: str, found: str) -> None:
    assert evaluate(box, text) == found


def test_memory_is_capped_for_the_process_too(snapshot: Path) -> None:
    box = Box(snapshot, memory_mb=96)
    box.bind(SOURCE)
    assert evaluate(box, "len(bytearray(150 << 20))") == "MemoryError"
    assert evaluate(box, "pyodide_js._module.memory.grow(4096)") == "RangeError"
    assert evaluate(box, "1 + 1") == "2"
    box.close()


@pytest.mark.parametrize("source", ["f(0)", "json.loads('[' * 100_000)", "repr(deep())"])
def test_deep_recursion_is_an_error_and_no_death(snapshot: Path, source: str) -> None:
    box = Box(snapshot)
    box.bind(
        "import json\n"
        "def f(n): return f(n + 1)\n"
        "def deep():\n"
        "    x = []\n"
        "    for _ in range(50_000): x = [x]\n"
        "    return x\n"
        "def handler(request):\n"
        f"    try: {source}\n"
        "    except (RecursionError, ValueError): pass\n"
        "    return 'alive'\n"
    )
    assert box.call().body == b"alive"
    box.close()


@pytest.fixture(params=["own", "stock"])
def either(request: pytest.FixtureRequest, snapshot: Path) -> Iterator[Box]:
    box = Box(snapshot, loader=request.param)
    yield box
    box.close()


def test_both_loaders_serve_from_the_same_snapshot(either: Box) -> None:
    assert either.hello["boot"] == "snapshot"
    either.bind(
        "import asyncio, json, sqlite3, wave\n"
        "seen = []\n"
        "async def handler(request):\n"
        "    await asyncio.sleep(0.001)\n"
        "    seen.append(request.text())\n"
        "    print(len(seen))\n"
        "    rows = sqlite3.connect(':memory:').execute('select 7').fetchall()\n"
        "    return {'seen': seen, 'rows': rows}\n",
        memory_mb=128,
    )
    answer = either.call(body=b"x" * 10)
    assert answer.json == {"seen": ["x" * 10], "rows": [[7]]}
    assert [text for _, _, text in answer.logs] == ["1"]


def test_both_loaders_put_the_interpreter_back(either: Box) -> None:
    either.bind(
        "seen = []\n"
        "def handler(request):\n"
        "    seen.append(1)\n"
        "    open('/tmp/x', 'x')\n"
        "    return seen\n",
        isolation="invocation",
    )
    assert [either.call().json for _ in range(3)] == [[1], [1], [1]]


def test_both_loaders_stop_what_has_no_end(either: Box) -> None:
    either.bind("def handler(request):\n    while True: pass\n")
    error = either.call(timeout_ms=100).error
    assert error is not None
    assert error["outcome"] == "timeout"
