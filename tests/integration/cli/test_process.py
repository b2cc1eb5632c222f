"""`pic` as a process: signals, pipes that close, and a tail that survives its server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from support.fake_platform import TOKEN, FakePlatform, event, record

SERVER = Path(__file__).parents[3] / "server"
PATIENCE = 20.0


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """A platform with one record, and tails to come."""
    with FakePlatform() as running:
        page = {
            "edges": [{"node": record(1)}],
            "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
            "liveCursor": "c1",
        }
        running.answers["script"] = {"logRecords": page}
        yield running


def start(platform: FakePlatform, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "picloud.cli.pic.main", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SERVER),
            "PIC_URL": platform.url,
            "PIC_TOKEN": TOKEN,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline().rstrip("\n") for _ in range(count)]


def test_ctrl_c_ends_a_live_tail_cleanly(platform: FakePlatform) -> None:
    platform.tails = [[event(2)]]
    with start(platform, "logs", "demo/hello", "-f", "--json") as process:
        assert [json.loads(line)["number"] for line in lines(process.stdout, 2)] == [1, 2]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read().strip() == ""
    assert platform.subscribed == [{"app": "demo", "script": "hello", "level": None, "after": "c1"}]


def test_a_tail_says_that_it_was_interrupted_and_goes_on(platform: FakePlatform) -> None:
    platform.tails = [[event(2), 1012], [event(3)]]
    with start(platform, "logs", "demo/hello", "-f", "--utc") as process:
        shown = lines(process.stdout, 3)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        notice = process.stderr.read()
    assert [line.rpartition(" ")[2] for line in shown] == ["1", "2", "3"]
    assert "\x1b" not in "".join(shown)
    assert notice.startswith("Live tail interrupted")


def test_a_closed_pipe_ends_a_live_tail_without_a_traceback(platform: FakePlatform) -> None:
    platform.tails = [[event(number) for number in range(2, 200)]]
    with start(platform, "logs", "demo/hello", "-f") as process:
        lines(process.stdout, 1)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 1
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_token_that_ends_during_a_tail_is_said(platform: FakePlatform) -> None:
    platform.tails = [[event(2), 4403]]
    with start(platform, "logs", "demo/hello", "-f") as process:
        assert process.wait(PATIENCE) == 3
        assert process.stderr is not None
        assert "pic login" in process.stderr.read()
