"""What a script finds around it: variables, secrets, its invocation, the log."""

from __future__ import annotations

from collections.abc import Callable

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]

SHOW = """
import os, pic
at_import = pic.secrets["TOKEN"]
try:
    pic.invocation.id
except RuntimeError as error:
    print(error)

def handler(request):
    pic.log("paid", level="error", order=17, by="a b")
    try:
        pic.secrets["OTHER"]
    except KeyError as error:
        missing = str(error)
    run = pic.invocation
    return [
        at_import, pic.env["MODE"], os.environ.get("MODE"), os.environ.get("TOKEN"), missing,
        run.id == request.invocation_id, run.app, run.script, run.version,
        0 < run.remaining_ms() <= 10_000, run.deadline.year > 2000,
    ]
"""


def test_a_script_sees_its_settings_and_its_invocation(start: Start) -> None:
    box = start()
    _, bound = box.bind(SHOW, env={"MODE": "test"}, secrets={"TOKEN": "t"}, script="pay", version=3)
    assert [text for _, _, text in bound.logs] == ["no invocation runs now"]
    answer = box.call()
    missing = "there is no secret 'OTHER': set it with `pic secrets set OTHER --app APP`"
    expected = ["t", "test", "test", None, missing, True, "demo", "pay", 3, True, True]
    assert answer.json == expected
    assert answer.logs == [(40, frames.LOGGING, 'paid order=17 by="a b"')]


def test_left_over_tasks_and_timers_end_with_their_invocation(start: Start) -> None:
    box = start(
        "import asyncio\n"
        "loop = None\n"
        "def again(): print('again'); asyncio.get_running_loop().call_soon(again)\n"
        "async def stubborn():\n"
        "    while True:\n"
        "        try: await asyncio.sleep(0.01)\n"
        "        except BaseException: pass\n"
        "        print('stubborn')\n"
        "async def handler(request):\n"
        "    if request.path == '/leave':\n"
        "        asyncio.get_running_loop().call_later(0.05, print, 'late')\n"
        "        asyncio.create_task(stubborn())\n"
        "    return 'on'\n"
    )
    answer = box.call(path="/leave")
    assert answer.body == b"on"
    assert [text for _, _, text in answer.logs] == [
        "1 task was still running at the end of the invocation: cancelled"
    ]
    while not box.is_silent(1.5):
        assert box.receive()[2] == 0
    following = box.call(path="/")
    assert (following.body, following.logs) == (b"on", [])


def test_a_flood_of_lines_is_cheap_once_the_share_is_used_up(start: Start) -> None:
    box = start("def handler(request):\n    for _ in range(1_000_000): print('x')\n")
    answer = box.call(timeout_ms=60_000)
    assert answer.error is None
    assert answer.logs[-1][2].endswith("bytes dropped: more than log_bytes=262144")


def test_long_lines_are_cut_and_say_so(start: Start) -> None:
    box = start(
        "def handler(request):\n"
        "    print('x' * 10_000_000)\n"
        "    for _ in range(3000): print('é', end='')\n"
        "    print()\n"
        "    print('\\ud800\\x1b[2J\\u202e')\n"
        "    raise ValueError('\\udfff')\n",
        log_line_bytes=1000,
    )
    answer = box.call()
    texts = [text for _, _, text in answer.logs]
    for text in texts[:2]:
        assert len(text.encode()) <= 1000
        assert text.endswith(" … cut: longer than log_line_bytes=1000")
    assert texts[2] == "\\ud800\x1b[2J\u202e"
    assert answer.error is not None
    assert answer.error["message"] == "ValueError: \\udfff"
