"""A source of several files: what the script imports, opens and sees of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from support.sandbox_client import Box

Start = Callable[..., Box]

MAIN = """
import json, os
from pathlib import Path
from lib import util

def handler(request):
    with open("data/words.txt") as file:
        words = file.read().split()
    beside = Path(__file__).parent / "data" / "bytes.bin"
    return {"words": util.shout(words), "bytes": list(beside.read_bytes()), "name": __name__,
            "found": sorted(os.listdir("."))}

def fails(request):
    return util.fails()
"""
FILES = {
    "data/bytes.bin": bytes(range(4)),
    "data/words.txt": "héllo wörld\n".encode(),
    "lib/__init__.py": b"",
    "lib/util.py": b"def shout(words):\n    return [word.upper() for word in words]\n\n"
    b"def fails():\n    raise ValueError('no')\n",
}
SEEN = {
    "words": ["HÉLLO", "WÖRLD"],
    "bytes": [0, 1, 2, 3],
    "name": "main",
    "found": ["data", "lib", "main.py"],
}


def bound(start: Start, source: str = MAIN, **head: object) -> Box:
    """A sandbox with the files."""
    box = start()
    answer, _ = box.bind(source, filename="main.py", files=FILES, **head)
    assert answer["entry_points"] == ["handler"], answer
    return box


@pytest.mark.parametrize("isolation", ["sandbox", "invocation"])
def test_modules_are_imported_and_data_opened_where_the_script_begins(
    start: Start, isolation: str
) -> None:
    box = bound(start, isolation=isolation)
    for _ in range(3):
        assert box.call().json == SEEN


def test_files_that_one_invocation_changes_are_as_before_for_the_next(start: Start) -> None:
    source = (
        "def handler(request):\n"
        "    with open('data/words.txt') as file:\n        found = file.read()\n"
        "    with open('data/words.txt', 'w') as file:\n        file.write('spoiled')\n"
        "    return found\n"
    )
    box = bound(start, source, isolation="invocation")
    for _ in range(3):
        assert box.call().body.decode() == "héllo wörld\n"


def test_a_traceback_names_the_files_as_their_author_does(start: Start) -> None:
    box = bound(start, MAIN.replace("def handler", "def other").replace("def fails", "def handler"))
    answer = box.call()
    assert answer.error is not None
    [text] = [text for _, source, text in answer.logs if source == 4]
    assert 'File "main.py", line 14, in handler\n    return util.fails()' in text
    assert "File \"lib/util.py\", line 5, in fails\n    raise ValueError('no')" in text
    assert "/home/pyodide" not in text


def test_an_error_in_a_module_beside_the_entry_fails_the_import_with_its_place(
    start: Start,
) -> None:
    box = start()
    answer, said = box.bind(
        "import broken\ndef handler(r): pass", filename="main.py", files={"broken.py": b"\n1 / 0\n"}
    )
    assert (answer["code"], answer["outcome"]) == ("import_failed", "script_error")
    [(_, _, text)] = said.logs
    assert 'File "broken.py", line 2' in text


def test_files_larger_than_a_frame_arrive_whole(start: Start) -> None:
    box = start()
    large = bytes(range(256)) * 12_000  # three frames
    source = (
        "import hashlib\ndef handler(r):\n"
        "    return hashlib.sha256(open('large.bin', 'rb').read()).hexdigest()"
    )
    answer, _ = box.bind(source, filename="main.py", files={"a.txt": b"", "large.bin": large})
    assert answer["entry_points"] == ["handler"]
    assert box.call().body.decode() == hashlib.sha256(large).hexdigest()


def test_a_module_only_has_to_compile(blank: Box) -> None:
    fine = blank.check("x = 1", filename="lib/util.py", module=True)
    assert fine == {"ok": True, "entry_points": [], "kind": ""}
    error = blank.check("x = (", filename="lib/util.py", module=True)["error"]
    assert (error["code"], error["line"]) == ("syntax_error", 1)
