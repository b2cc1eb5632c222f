"""Supervision of one real child process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from picloud.up import child as module
from picloud.up.child import Child, ChildFailedError, ChildRefusedError, ChildSpec, State
from picloud.up.output import Output

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(600)"
)
ENDLESS = (
    "import sys, time; sys.stdout.write('x' * 1000000 + '\\nlast\\n'); "
    "sys.stdout.flush(); time.sleep(600)"
)
POLITE = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)


async def always(_: int) -> bool:
    return True


async def never(_: int) -> bool:
    return False


def spec(
    tmp_path: Path,
    program: str,
    ready: Callable[[int], Awaitable[bool]] = always,
    stop_seconds: float = 10,
) -> ChildSpec:
    return ChildSpec(
        name="child",
        command=lambda: [sys.executable, "-I", "-c", program],
        environ=lambda: {"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        ready=ready,
        stop_seconds=stop_seconds,
    )


def make(tmp_path: Path, wanted: ChildSpec) -> Child:
    return Child(wanted, Output("child", tmp_path, verbose=False))


def logged(tmp_path: Path) -> str:
    return (tmp_path / "child.log").read_text()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # another process cannot set an event
            await asyncio.sleep(0.01)


async def test_a_child_is_started_again_after_a_kill_and_stopped_on_demand(tmp_path: Path) -> None:
    pids: list[int] = []

    async def ready(pid: int) -> bool:
        pids.append(pid)
        return True

    child = make(tmp_path, spec(tmp_path, POLITE, ready))
    running = asyncio.create_task(child.run())
    await child.wait_ready()
    os.kill(pids[0], signal.SIGKILL)
    await until(lambda: len(pids) == 2 and child.state is State.READY)
    child.stop()
    await running
    assert child.state is State.STOPPED
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_child_that_ignores_the_stop_is_killed_in_time(tmp_path: Path) -> None:
    child = make(tmp_path, spec(tmp_path, STUBBORN, stop_seconds=0.2))
    running = asyncio.create_task(child.run())
    await until(lambda: (tmp_path / "child.log").exists() and "up" in logged(tmp_path))
    child.stop()
    async with asyncio.timeout(10):
        await running
    assert child.state is State.STOPPED


async def test_a_child_that_never_gets_ready_is_given_up_with_its_last_words(
    tmp_path: Path,
) -> None:
    child = make(tmp_path, spec(tmp_path, "print('no luck'); raise SystemExit(1)", never))
    with pytest.raises(ChildFailedError, match="no luck"):
        await child.run()


async def test_a_child_that_refuses_its_settings_is_not_tried_again(tmp_path: Path) -> None:
    child = make(tmp_path, spec(tmp_path, "print('bad'); raise SystemExit(2)", never))
    with pytest.raises(ChildRefusedError):
        await child.run()
    assert logged(tmp_path) == "bad\n"


async def test_an_endless_line_is_cut_and_does_not_stop_the_reading(tmp_path: Path) -> None:
    child = make(tmp_path, spec(tmp_path, ENDLESS))
    running = asyncio.create_task(child.run())
    await until(lambda: (tmp_path / "child.log").exists() and "last" in logged(tmp_path))
    child.hurry()
    await running
    assert logged(tmp_path).count("x") == 1_000_000
