"""Parts of the platform are killed while requests run: it comes back, and no answer is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable

import httpx
import pytest

from support.platform import Platform, answers_until, wait_until

EXPECTED = {"hello": "you"}


async def load_during(platform: Platform, fault: Callable[[], None]) -> list[tuple[int, bytes]]:
    """Requests before, during and after the fault, until the platform serves steadily again."""
    done = asyncio.Event()
    async with httpx.AsyncClient(base_url=platform.url, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            runs = [
                tasks.create_task(answers_until(client, "/x/demo/hello?name=you", done))
                for _ in range(4)
            ]
            await asyncio.sleep(0.3)
            fault()
            await steady(client)
            done.set()
        return [answer for run in runs for answer in run.result()]


async def steady(client: httpx.AsyncClient, seconds: float = 15) -> None:
    """Until twenty answers in a row are right and all parts are ready."""
    async with asyncio.timeout(seconds):
        right = 0
        while right < 20:
            try:
                answer = await client.get("/x/demo/hello?name=you")
                ready = await client.get("/readyz")
                good = answer.status_code == 200 and ready.status_code == 200
            except httpx.TransportError:
                good = False
            right = right + 1 if good else 0
            await asyncio.sleep(0 if good else 0.05)


def assert_right(answers: list[tuple[int, bytes]]) -> None:
    """Every 200 is the right answer, and every failure a clear one."""
    assert sum(status == 200 for status, _ in answers) > 20
    for status, body in answers:
        if status == 200:
            assert json.loads(body) == EXPECTED
        elif status != 0:
            assert status in (429, 500, 502, 503, 504), status
            assert json.loads(body)["error"]["code"]


async def test_a_killed_sandbox_is_replaced(own_platform: Platform) -> None:
    def fault() -> None:
        for pid in own_platform.sandboxes():
            os.kill(pid, signal.SIGKILL)

    assert_right(await load_during(own_platform, fault))


@pytest.mark.parametrize("part", ["picloud.orchestrator", "picloud.manager", "postgres", "caddy"])
async def test_a_killed_part_comes_back(own_platform: Platform, part: str) -> None:
    pid = own_platform.part(part)
    assert_right(await load_during(own_platform, lambda: os.kill(pid, signal.SIGKILL)))
    assert own_platform.part(part) != pid
    own_platform.deploy("after", "def handler(request):\n    return 'after'\n")
    with own_platform.client() as client:
        assert client.get("/x/demo/after").text == "after"


@pytest.mark.parametrize("part", ["picloud.manager", "postgres"])
async def test_scripts_answer_while_the_control_plane_is_down(
    own_platform: Platform, part: str
) -> None:
    pid = own_platform.part(part)
    answers = await load_during(own_platform, lambda: os.kill(pid, signal.SIGKILL))
    assert [answer for answer in answers if answer[0] != 200] == []


def test_nothing_is_left_after_a_kill_of_the_supervisor(own_platform: Platform) -> None:
    before = own_platform.descendants()
    assert len(before) > 5
    assert own_platform.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not own_platform.processes(), 15, "the end of every process")
    wait_until(lambda: not any(alive(pid) for pid in before), 15, "the end of every child")
    own_platform.start()
    with own_platform.client() as client:
        assert client.get("/x/demo/hello?name=you").json() == EXPECTED


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
