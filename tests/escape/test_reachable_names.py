"""S15: which names of interest Python finds on JavaScript's side, pinned.

None of these names gives a script more than its own realm (the other tests see to that). A Pyodide
or a loader that adds one is to be looked at by a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox_client import Box

GOLDEN = Path(__file__).parent / "golden" / "reachable_names.txt"
LOOK = """
import js, pyodide_js

WANTED = set('''
    Buffer Bun Deno Function IDBFS NODEFS NODERAWFS PROXYFS SharedArrayBuffer
    WORKERFS WebAssembly WebSocket Worker XMLHttpRequest console eval fetch fs
    global importScripts loadBinaryFile module mountNodeFS process require
'''.split())

def handler(request):
    places = {
        "js": js,
        "pyodide_js": pyodide_js,
        "_api": pyodide_js._api,
        "_module": pyodide_js._module,
        "FS": pyodide_js.FS,
        "filesystems": pyodide_js.FS.filesystems,
    }
    found = {f"{place}.{name}" for place in places for name in WANTED & set(dir(places[place]))}
    return "\\n".join(sorted(found))
"""


@pytest.fixture(scope="module")
def box(snapshot: Path) -> Iterator[Box]:
    """A sandbox, behind our loader alone."""
    box = Box(snapshot)
    box.bind(LOOK)
    yield box
    box.close()


def test_python_finds_the_names_it_found_before(box: Box) -> None:
    answer = box.call()
    assert answer.body.decode().splitlines() == GOLDEN.read_text().splitlines(), answer.error
