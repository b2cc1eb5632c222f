"""Many invocations of every kind leave nothing behind: no process, descriptor, cgroup or memory.

5,000 of them in a normal run; `SOAK_INVOCATIONS=100000 ./picloud test tests/abuse/test_soak.py -s`
for the full count, which prints its figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from picloud.domain.limits import Limits
from picloud.executor.usage import memory_bytes
from picloud.store.database import Pool
from support.node import NodeProcess, running_node
from support.waiting import eventually

COUNT = int(os.environ.get("SOAK_INVOCATIONS", "5000"))
WARM = 1000  # before the first look
AT_ONCE = 8
QUEUE_MS = 60_000  # a busy machine may need long for a sandbox
PATIENCE = 90.0  # seconds until an answer
MB = 1024 * 1024
GROWTH_MB = 40  # of the node, over all; its caches fill up in the beginning
SANDBOX_GROWTH_MB = 4  # of one sandbox, from a fifth of its invocations to the last
HAPPENED = 0.5  # of each kind of fault at least so many took their course

GOOD = """
def handler(request):
    print("hello", request.query.get("name"))
    return {"hello": request.query.get("name", "world")}
"""
BAD = """
import os

def handler(request):
    what = request.query["do"]
    if what == "crash":
        os._exit(3)
    if what == "spin":
        while True: pass
    while what == "cling":
        try:
            while True: pass
        except BaseException: pass
    if what == "flood":
        for number in range(3000): print("a line of a flood " * 10, number)
    if what == "eat":
        kept = []
        while True: kept.append(bytearray(1 << 20))
    if what == "raise":
        raise ValueError("bad")
    return what
"""
BAD_ONES = 4  # scripts: while one has no sandbox, the others' callers go on
STREAM = """
async def handler(request):
    for number in range(int(request.query.get("n", "20"))):
        yield f"{number}\\n" * 100
"""
# Of a thousand invocations so many do this.
MIX = {
    **{"good": 488, "stream": 160, "left": 160, "fine": 160},
    **{"raise": 20, "crash": 5, "eat": 2, "spin": 2, "flood": 2, "cling": 1},
}
# What each answers when it takes its course; a busy machine cuts a flood short.
COURSE = {
    **{"good": {200}, "stream": {200}, "left": {0}, "fine": {200}, "flood": {200, 504}},
    **{"raise": {500}, "crash": {500}, "eat": {500}, "spin": {504}, "cling": {504}},
}
# A bad script's own callers may find its sandbox busy, killed or gone; nobody else's may.
BESIDE = frozenset((502, 503, 504))
UNHURT = frozenset(("good", "stream", "left"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a node holds of the machine once it is quiet."""

    processes: int
    descriptors: int
    cgroups: int
    memory_mb: float


def mixed(count: int, seed: int) -> Iterator[str]:
    """What each invocation does; the same sequence in every run."""
    return iter(random.Random(seed).choices(list(MIX), list(MIX.values()), k=count))


async def call(client: httpx.AsyncClient, kind: str, caller: int) -> int:
    """One invocation; its status, 0 when we left before the end."""
    if kind == "left":
        with contextlib.suppress(httpx.TimeoutException):
            async with client.stream("GET", "/x/demo/stream?n=1000", timeout=5) as answer:
                async for _ in answer.aiter_bytes():
                    break
        return 0
    path = {"good": "/x/demo/good?name=you", "stream": "/x/demo/stream"}.get(kind)
    bad = f"/x/demo/bad{caller % BAD_ONES}?do={kind}"
    return (await client.get(path or bad, timeout=PATIENCE)).status_code


async def soak(node: NodeProcess, kinds: Iterator[str]) -> Counter[tuple[str, int]]:
    """These invocations, some at a time; how many of each kind got which status."""
    seen: Counter[tuple[str, int]] = Counter()

    async def one_after_the_other(caller: int) -> None:
        for kind in kinds:
            seen[kind, await call(node.client, kind, caller)] += 1

    async with asyncio.TaskGroup() as tasks:
        for caller in range(AT_ONCE):
            tasks.create_task(one_after_the_other(caller))
    return seen


def check(seen: Counter[tuple[str, int]]) -> None:
    """Nobody had an answer that is not due to them, and what was to happen did."""
    total: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    for (kind, status), times in seen.items():
        course = COURSE[kind]
        assert status in (course if kind in UNHURT else course | BESIDE), (kind, status, times)
        total[kind] += times
        happened[kind] += times * (status in course)
    for kind in MIX:
        assert happened[kind] >= max(1, HAPPENED * total[kind]), (kind, seen)


async def footprint(node: NodeProcess) -> Footprint:
    """What the node holds, once what was replaced has gone."""
    pid, sandboxes = node.process.pid, -1

    async def is_quiet() -> bool:
        nonlocal sandboxes
        before, sandboxes = sandboxes, len(node.sandbox_pids())
        await asyncio.sleep(1.0)
        return before == sandboxes == len(node.sandbox_pids())

    await eventually(is_quiet, seconds=60)
    return Footprint(
        processes=sandboxes,
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        cgroups=len(_siblings(_groups(node.sandbox_pids()))),
        memory_mb=round(memory_bytes(pid) / MB, 1),
    )


def _groups(pids: list[int]) -> set[str]:
    files = [Path(f"/proc/{pid}/cgroup") for pid in pids]
    return {line for file in files for line in file.read_text().splitlines()}


def _siblings(lines: set[str]) -> set[Path]:
    """The control groups beside those of living sandboxes: those of dead ones would be there."""
    found: set[Path] = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for base in ("", controllers, *controllers.split(",")):
            place = Path("/sys/fs/cgroup") / base / path.lstrip("/")
            if path != "/" and place.is_dir():
                found |= {each for each in place.parent.iterdir() if each.is_dir()}
    return found


@pytest.mark.timeout(max(600, COUNT // 20))
async def test_invocations_of_every_kind_leave_nothing_behind(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {
        "PICLOUD_SANDBOX_MAX_INVOCATIONS": "20000",
        "PICLOUD_QUEUE_TIMEOUT_MS": str(QUEUE_MS),
    }
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("good", GOOD)
        for number in range(BAD_ONES):
            limits = Limits(timeout_ms=500, memory_mb=64)
            await node.deploy(f"bad{number}", BAD, limits=limits)
        await node.deploy("stream", STREAM, kind="async")
        await soak(node, mixed(min(WARM, COUNT // 5), seed=1))
        before = await footprint(node)
        begun = time.monotonic()
        seen = await soak(node, mixed(COUNT, seed=2))
        seconds = time.monotonic() - begun
        after = await footprint(node)
        print(f"{COUNT} invocations in {seconds:.0f} s\n{before}\n{after}\n{sorted(seen.items())}")
        check(seen)
        assert after.processes <= before.processes + 1  # a blank one more or less
        assert after.descriptors <= before.descriptors + 12
        assert after.cgroups <= before.cgroups + 3
        assert after.memory_mb <= before.memory_mb + GROWTH_MB
        assert len(await node.invocations(COUNT)) >= COUNT


@pytest.mark.timeout(max(600, COUNT // 50))
async def test_a_sandbox_that_lives_long_does_not_grow(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {
        "PICLOUD_BLANK_SANDBOXES": "0",
        "PICLOUD_SANDBOX_MAX_INVOCATIONS": str(2 * COUNT),
    }
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("good", GOOD, limits=Limits(sandboxes=1))
        await soak(node, iter(["good"]))
        (sandbox,) = node.sandbox_pids()
        used: list[float] = []
        for _ in range(5):
            seen = await soak(node, itertools.repeat("good", COUNT // 5))
            assert seen.keys() == {("good", 200)}
            used.append(round(memory_bytes(sandbox) / MB, 1))
        print(f"a sandbox after each fifth of {COUNT} invocations, in MB: {used}")
        assert node.sandbox_pids() == [sandbox]
        assert used[-1] <= used[0] + SANDBOX_GROWTH_MB
