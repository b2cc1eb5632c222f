"""Output of scripts as log records."""

from __future__ import annotations

import signal
from collections.abc import Callable

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]


def test_every_kind_of_output_becomes_a_record(start: Start) -> None:
    box = start(
        "import logging, sys, warnings\n"
        "log = logging.getLogger('shop')\n"
        "def handler(request):\n"
        "    print('one\\ntwo')\n"
        "    print('err', file=sys.stderr)\n"
        "    log.info('sold %d', 3)\n"
        "    log.error('bad')\n"
        "    warnings.warn('old', stacklevel=2)\n"
        "    print('unfinished', end='')\n"
        "    return 'ok'\n"
    )
    answer = box.call()
    assert answer.logs[:5] == [
        (20, frames.STDOUT, "one"),
        (20, frames.STDOUT, "two"),
        (30, frames.STDERR, "err"),
        (20, frames.LOGGING, "sold 3"),
        (40, frames.LOGGING, "bad"),
    ]
    assert any("UserWarning: old" in text for _, _, text in answer.logs)
    assert answer.logs[-1] == (20, frames.STDOUT, "unfinished")
    assert answer.frames[-1][0] == frames.RESPONSE


def test_a_line_is_seen_before_what_follows_it(start: Start) -> None:
    box = start("def handler(request):\n    print('here')\n    while True: pass\n")
    box.invoke()
    kind, _, stream, payload = box.receive()
    assert (kind, stream) == (frames.LOG, 1)
    assert frames.decode_log(payload)[3] == "here"
    box.process.send_signal(signal.SIGKILL)
    assert box.end()[0] == -signal.SIGKILL


def test_output_of_interleaved_invocations_stays_apart(start: Start) -> None:
    box = start(
        "import asyncio, logging\n"
        "async def handler(request):\n"
        "    name = request.query['n']\n"
        "    for step in range(3):\n"
        "        print(name, step)\n"
        "        await asyncio.sleep(0.01)\n"
        "    logging.warning(name)\n"
        "    if name == '1': raise ValueError(name)\n"
        "    return name\n"
    )
    streams = [box.invoke(query=f"n={number}") for number in range(3)]
    answers = [box.answer(stream) for stream in streams]
    for number, answer in enumerate(answers):
        texts = [text for _, source, text in answer.logs if source != frames.TRACEBACK]
        assert texts == [f"{number} 0", f"{number} 1", f"{number} 2", f"{number}"]
    assert [bool(answer.error) for answer in answers] == [False, True, False]


def test_a_traceback_is_one_record_and_begins_in_the_script(start: Start) -> None:
    box = start(
        "def inner():\n"
        "    raise ValueError('bad')\n"
        "def handler(request):\n"
        "    try:\n"
        "        inner()\n"
        "    except ValueError as error:\n"
        "        raise RuntimeError('worse') from error\n"
    )
    answer = box.call()
    assert answer.error == {
        "outcome": "script_error",
        "code": "script_raised",
        "message": "RuntimeError: worse",
    }
    [(level, source, text)] = answer.logs
    assert (level, source) == (40, frames.TRACEBACK)
    assert text.startswith("Traceback (most recent call last):\n")
    assert 'File "hello.py", line 5, in handler\n    inner()' in text
    assert "File \"hello.py\", line 2, in inner\n    raise ValueError('bad')" in text
    assert text.endswith("RuntimeError: worse")
    assert "_picloud" not in text


def test_output_beyond_the_limit_is_counted_and_dropped(start: Start) -> None:
    source = "def handler(request):\n    for _ in range(10): print('x' * 100)\n    return ''\n"
    answer = start(source, log_bytes=400).call()
    assert [text for _, _, text in answer.logs] == ["x" * 100] * 3 + [
        "700 bytes dropped: more than log_bytes=400"
    ]
    assert answer.logs[-1][:2] == (30, frames.PLATFORM)


def test_a_very_long_line_is_cut(start: Start) -> None:
    box = start("def handler(request):\n    print('é' * 50_000)\n    return ''\n")
    assert all(len(text.encode()) <= 65536 for _, _, text in box.call().logs)


def test_output_at_import_goes_to_the_sandbox_itself(start: Start) -> None:
    box = start()
    _, answer = box.bind("print('loading')\ndef handler(r):\n    return ''\n")
    assert answer.frames[0][2] == 0
    assert answer.logs == [(20, frames.STDOUT, "loading")]


def test_an_error_that_can_not_be_shown_is_still_an_error(start: Start) -> None:
    box = start(
        "class Bad(Exception):\n"
        "    def __str__(self): raise RuntimeError\n"
        "def handler(request):\n"
        "    raise Bad\n"
    )
    error = box.call().error
    assert error is not None
    assert error["message"] == "Bad"
