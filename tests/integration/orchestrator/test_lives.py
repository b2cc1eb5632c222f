"""How sandboxes come and go while requests run."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from picloud.domain.limits import Isolation, Limits
from picloud.store.database import Pool
from support.node import NodeProcess, running_node
from support.waiting import eventually

WHO = """
import os
me = os.urandom(8).hex()
def handler(request):
    return me
"""
GROWING = """
import os
me = os.urandom(8).hex()
kept = []
def handler(request):
    kept.append(bytearray(os.urandom(1024)) * 6_000)
    return me
"""
DYING = """
import os
def handler(request):
    if request.query.get("die"):
        os._exit(3)
    return "alive"
"""
TOUCHING = """
import js
def handler(request):
    js.touched = 1
    return "answered"
"""
HUNGRY = """
me = object()
kept = []
def handler(request):
    if request.query.get("eat"):
        while True:
            kept.append(bytearray(1 << 20))
    return str(len(kept))
"""


async def load(node: NodeProcess, url: str, count: int, at_once: int) -> list[httpx.Response]:
    """So many requests, so many of them at a time."""
    answers: list[httpx.Response] = []
    left = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            answers.append(await node.client.get(url))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(one_after_the_other())
    return answers


async def until_fewer(node: NodeProcess, most: int) -> None:
    """Until the node has so few sandboxes."""

    async def are_fewer() -> bool:
        return len(node.sandbox_pids()) <= most

    await eventually(are_fewer)


async def test_a_sandbox_is_replaced_after_so_many_invocations_and_nobody_notices(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_SANDBOX_MAX_INVOCATIONS": "50"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("who", WHO)
        answers = await load(node, "/x/demo/who", 2400, 4)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) >= 3


async def test_a_sandbox_that_has_grown_is_replaced(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_SANDBOX_MAX_GROWTH_MB": "20"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("growing", GROWING, limits=Limits(memory_mb=256))
        seen: set[str] = set()
        async with asyncio.timeout(40):
            while len(seen) < 2:
                answer = await node.client.get("/x/demo/growing")
                assert answer.status_code == 200
                seen.add(answer.text)
                await asyncio.sleep(0.3)


async def test_a_sandbox_nobody_uses_is_ended_and_replaced_when_it_is_wanted(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_SANDBOX_IDLE_SECONDS": "1", "PICLOUD_BLANK_SANDBOXES": "0"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("who", WHO)
        first = (await node.client.get("/x/demo/who")).text
        await until_fewer(node, 0)
        assert (await node.client.get("/x/demo/who")).text != first


async def test_sandboxes_together_stay_within_the_nodes_memory(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_SANDBOX_MEMORY_MB": "200", "PICLOUD_BLANK_SANDBOXES": "0"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        for number in range(5):
            await node.deploy(f"s{number}", f"def handler(request): return 'is {number}'\n")
        for number in (0, 1, 2, 3, 4, 0, 1):
            assert (await node.client.get(f"/x/demo/s{number}")).text == f"is {number}"
        await until_fewer(node, 3)


async def test_a_change_of_an_apps_settings_reaches_its_scripts_at_once(
    node: NodeProcess,
) -> None:
    await node.deploy("who", WHO)
    await node.deploy("who", WHO, app="other")
    before = [(await node.client.get(f"/x/{app}/who")).text for app in ("demo", "other")]
    pids = set(node.sandbox_pids())
    await node.pool.execute("UPDATE apps SET revision = revision + 1 WHERE name = 'demo'")
    await node.pool.execute("SELECT pg_notify('picloud_routes', '')")

    async def has_changed() -> bool:
        return (await node.client.get("/x/demo/who")).text != before[0]

    async def has_gone() -> bool:
        return len(pids - set(node.sandbox_pids())) == 1

    await eventually(has_changed, seconds=5)
    await eventually(has_gone, seconds=5)
    assert (await node.client.get("/x/other/who")).text == before[1]


async def test_a_script_that_fails_at_import_is_not_imported_for_every_request(
    node: NodeProcess,
) -> None:
    await node.deploy("bad", "1/0\ndef handler(request): return 1\n")
    assert (await node.client.get("/x/demo/bad")).json()["error"]["code"] == "import_failed"
    refused = await node.client.get("/x/demo/bad")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "crash_loop")
    assert int(refused.headers["retry-after"]) >= 1
    await node.deploy("bad", WHO)
    assert (await node.client.get("/x/demo/bad")).status_code == 200


async def test_a_script_whose_sandboxes_die_again_and_again_is_given_a_pause(
    node: NodeProcess,
) -> None:
    await node.deploy("dying", DYING)
    await node.deploy("who", WHO)
    codes = []
    for _ in range(4):
        answer = await node.client.get("/x/demo/dying?die=1")
        codes.append((answer.status_code, answer.json()["error"]["code"]))
    assert codes[:3] == [(500, "interpreter_died")] * 3
    assert codes[3] == (503, "crash_loop")
    assert (await node.client.get("/x/demo/who")).status_code == 200
    async with asyncio.timeout(20):
        while (answer := await node.client.get("/x/demo/dying")).status_code != 200:
            assert answer.json()["error"]["code"] == "crash_loop"
            await asyncio.sleep(0.2)
    again = await node.client.get("/x/demo/dying?die=1")
    assert again.json()["error"]["code"] == "interpreter_died"
    assert (await node.client.get("/x/demo/dying")).text == "alive"


async def test_a_sandbox_without_memory_is_not_used_again(node: NodeProcess) -> None:
    await node.deploy("hungry", HUNGRY, limits=Limits(memory_mb=64))
    answer = await node.client.get("/x/demo/hungry?eat=1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "out_of_memory")
    assert (await node.client.get("/x/demo/hungry")).text == "0"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
async def test_sandboxes_ended_at_any_moment_cost_their_own_requests_only(
    pool: Pool, database_url: str, snapshot: Path, how: signal.Signals
) -> None:
    settings = {"PICLOUD_BLANK_SANDBOXES": "2"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("who", WHO)
        answers: list[httpx.Response] = []
        enough = asyncio.Event()

        async def call() -> None:
            while not enough.is_set():
                answers.append(await node.client.get("/x/demo/who"))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(call())
            for _ in range(8):
                for pid in node.sandbox_pids():
                    os.kill(pid, how)
                good = sum(answer.status_code == 200 for answer in answers) + 50
                await eventually(lambda good=good: _so_many(answers, good))  # type: ignore[misc]
            enough.set()
        bad = [answer for answer in answers if answer.status_code != 200]
        codes = {(each.status_code, each.json()["error"]["code"]) for each in bad}
        assert codes <= {(502, "sandbox_died")}
        assert len(bad) <= 8 * os.cpu_count()  # type: ignore[operator]


async def _so_many(answers: list[httpx.Response], good: int) -> bool:
    return sum(answer.status_code == 200 for answer in answers) >= good


async def test_a_request_behind_one_that_spoiled_its_interpreter_runs_elsewhere(
    node: NodeProcess,
) -> None:
    """What changed JavaScript's side can't be put back: its sandbox ends after it."""
    await node.deploy("touching", TOUCHING, isolation=Isolation.INVOCATION)
    answers = await load(node, "/x/demo/touching", count=8, at_once=4)
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "answered")] * 8
