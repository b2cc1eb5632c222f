"""Many invocations of every kind leave nothing behind: no process, descriptor, cgroup or memory.

5,000 of them in a normal run; `SOAK_INVOCATIONS=100000 ./picloud test tests/abuse/test_soak.py -s`
for the full count, which prints its figures.
"""

from __future__ import annotations

import asyncio
import contextlib
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
MB = 1024 * 1024
GROWTH_MB = 40  # of the node, over all; its caches fill up in the beginning

GOOD = """
def handler(request):
    print("hello", request.query.get("name"))
    return {"hello": request.query.get("name", "world")}
"""
BAD = """
import os

def handler(request):
    what = request.query.get("do", "")
    if what == "crash":
        os._exit(3)
    if what == "spin":
        while True: pass
    if what == "flood":
        for number in range(20_000): print("a line of a flood", number)
    if what == "eat":
        kept = []
        while True: kept.append(bytearray(1 << 20))
    if what == "raise":
        raise ValueError("bad")
    return what or "fine"
"""
STREAM = """
async def handler(request):
    for number in range(int(request.query.get("n", "20"))):
        yield f"{number}\\n" * 100
"""
# One in so many invocations does this.
FAULTS = {"crash": 200, "spin": 1000, "flood": 200, "eat": 500, "raise": 50}
# The bad script's own callers may find its sandbox busy, killed or gone; nobody else's may.
EXPECTED = {
    "good": {200},
    "stream": {200},
    "": {200, 502, 503, 504},
    "crash": {500, 502, 503},
    "spin": {502, 503, 504},
    "flood": {200, 502, 503, 504},
    "eat": {500, 502, 503, 504},
    "raise": {500, 502, 503, 504},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a node holds of the machine once it is quiet."""

    processes: int
    descriptors: int
    cgroups: int
    memory_mb: float


def kinds(count: int, seed: int) -> Iterator[str]:
    """What each invocation does; the same sequence in every run."""
    chance = random.Random(seed)
    for _ in range(count):
        faults = [name for name, often in FAULTS.items() if chance.random() < 1 / often]
        yield faults[0] if faults else chance.choice(("good", "good", "good", "", "stream", "left"))


async def call(client: httpx.AsyncClient, kind: str) -> int:
    """One invocation; its status, 0 when we left before the end."""
    if kind == "left":
        with contextlib.suppress(httpx.TimeoutException):
            async with client.stream("GET", "/x/demo/stream?n=1000", timeout=5) as answer:
                async for _ in answer.aiter_bytes():
                    break
        return 0
    path = {"good": "/x/demo/good?name=you", "stream": "/x/demo/stream"}.get(kind)
    return (await client.get(path or f"/x/demo/bad?do={kind}")).status_code


async def soak(node: NodeProcess, count: int, seed: int) -> Counter[tuple[str, int]]:
    """So many mixed invocations; how many of each kind got which status."""
    seen: Counter[tuple[str, int]] = Counter()
    left = kinds(count, seed)

    async def one_after_the_other() -> None:
        for kind in left:
            seen[kind, await call(node.client, kind)] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(one_after_the_other())
    return seen


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
        "PICLOUD_QUEUE_TIMEOUT_MS": "60000",
    }
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("good", GOOD)
        await node.deploy("bad", BAD, limits=Limits(timeout_ms=2000, memory_mb=64))
        await node.deploy("stream", STREAM, kind="async")
        await soak(node, min(WARM, COUNT // 5), seed=1)
        before = await footprint(node)
        begun = time.monotonic()
        seen = await soak(node, COUNT, seed=2)
        seconds = time.monotonic() - begun
        after = await footprint(node)
        print(f"{COUNT} invocations in {seconds:.0f} s\n{before}\n{after}\n{sorted(seen.items())}")
        unexpected = {
            (kind, status): times
            for (kind, status), times in seen.items()
            if kind != "left" and status not in EXPECTED[kind]
        }
        assert not unexpected
        assert after.processes <= before.processes + 1  # a blank one more or less
        assert after.descriptors <= before.descriptors + 12
        assert after.cgroups <= before.cgroups + 3
        assert after.memory_mb <= before.memory_mb + GROWTH_MB
        assert len(await node.invocations(COUNT)) >= COUNT
