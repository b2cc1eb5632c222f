"""What one invocation leaves behind for the next one of the same script, and for others'.

Within a version much may stay (docs/security.md); what must not is that it is taken for somebody
else's, goes on burning the processor, or survives where a script asked for `isolation: invocation`.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from escape.neighbour import beside, call
from picloud.domain.limits import Isolation, Limits
from support.node import NodeProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = Limits(timeout_ms=5000, sandboxes=1)
LATE = """
import asyncio

kept = []

async def late():
    while True:
        await asyncio.sleep(0.01)
        print("late")

async def handler(request):
    if request.path == "/late/leave":
        kept.append(asyncio.create_task(late()))
        return "left"
    await asyncio.sleep(0.2)
    print("on time")
    return "on time"
"""
# All that a caller could leave behind for the next one, and a look at what is there.
MARKS = """
import builtins, gc, json, os, random, sys, threading
from pathlib import Path

import pic

MARK = "a caller was here"
state = {"calls": 0}
dumps = json.dumps

def handler(request):
    found = []
    found += ["globals"] if state["calls"] else []
    found += ["builtins"] if hasattr(builtins, "mark") else []
    found += ["environment"] if "MARK" in os.environ else []
    found += ["file"] if Path("/tmp/mark").exists() else []
    found += ["home"] if Path.home().joinpath("mark").exists() else []
    found += ["module"] if "mark" in sys.modules else []
    found += ["platform"] if hasattr(pic, "mark") else []
    found += ["function"] if json.dumps is not dumps else []
    found += ["hook"] if sys.excepthook.__name__ == "mark" else []
    found += ["memory"] if any(MARK in o for o in gc.get_objects() if type(o) is dict) else []
    drawn = random.random()

    state["calls"] += 1
    state[MARK] = MARK
    builtins.mark = pic.mark = MARK
    os.environ["MARK"] = MARK
    Path("/tmp/mark").write_text(MARK)
    Path.home().joinpath("mark").write_text(MARK)
    sys.modules["mark"] = sys
    def mark(*_, **__): return "{}"
    json.dumps = sys.excepthook = mark
    return dumps({"found": found, "drawn": drawn})
"""


async def test_what_runs_on_after_an_answer_is_nobodys(node: NodeProcess) -> None:
    version = await node.deploy(
        "late", LATE, app="late", kind="async", pattern="/late/{what}", limits=LIMITS
    )
    assert (await beside(node, call(node, "/x/late/late/leave")))[2] == "left"
    assert (await beside(node, call(node, "/x/late/late/next")))[2] == "on time"
    rows = "SELECT id, path FROM invocations WHERE version_id = $1"
    async with asyncio.timeout(10):
        while len(found := await node.pool.fetch(rows, version)) < 2:  # noqa: ASYNC110  # a table
            await asyncio.sleep(0.02)
    (later,) = (row["id"] for row in found if row["path"] == "/late/next")
    texts = "SELECT text FROM log_records WHERE invocation_id = $1"
    said = [row["text"] for row in await node.pool.fetch(texts, later)]
    assert said == ["on time"]


async def test_with_isolation_of_invocations_nothing_is_left(node: NodeProcess) -> None:
    await node.deploy("marks", MARKS, app="marks", isolation=Isolation.INVOCATION, limits=LIMITS)
    answers = [json.loads((await call(node, "/x/marks/marks"))[2]) for _ in range(4)]
    assert [answer.get("found", answer) for answer in answers] == [[]] * 4
    assert len({answer["drawn"] for answer in answers}) == 4


async def test_the_marks_are_found_where_nothing_resets_them(node: NodeProcess) -> None:
    await node.deploy("marks", MARKS, app="control", limits=LIMITS)
    await call(node, "/x/control/marks")
    answer = json.loads((await call(node, "/x/control/marks"))[2])
    assert answer["found"] == [
        *("globals", "builtins", "environment", "file", "home", "module", "platform", "function"),
        *("hook", "memory"),
    ]
