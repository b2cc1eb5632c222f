"""The pool with real jailed processes behind it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from picloud.executor.pool import PoolClosedError, PoolLimits, SandboxBootError, SandboxPool
from picloud.executor.runtime import Runtime
from picloud.executor.sandbox import Sandbox, SandboxMisuseError, SandboxState
from picloud.executor.sandbox_process import Spawner
from support import sandboxes


@asynccontextmanager
async def running(host: Path, limits: PoolLimits) -> AsyncIterator[SandboxPool]:
    """A pool at work, closed afterwards."""
    pool = SandboxPool(Runtime.find(sandbox_host=host, snapshot=None), limits, Spawner())
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(60):
        tasks.create_task(pool.run())
        try:
            yield pool
        finally:
            await pool.close()


@pytest.fixture
def deaf(place: Path) -> Path:
    """A host that nothing ends but a signal."""
    return sandboxes.make_host(place / "deaf", sandboxes.DEAF)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(sandboxes.PATIENCE):
        while not condition():  # noqa: ASYNC110 - the end of a process sets no event of ours
            await asyncio.sleep(0.01)


def ignore(_: Sandbox) -> None:
    """Nobody minds this sandbox's death."""


def is_dead(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def test_it_fills_up_and_hands_out_at_once_and_refills(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=2)) as pool:
        await until(lambda: pool.blank == 2)
        taken = await asyncio.wait_for(pool.acquire_blank(ignore), 0.05)
        assert taken.state is SandboxState.BLANK
        assert taken.link.hello is not None
        await until(lambda: pool.blank == 2)
        assert pool.size == 3


async def test_an_empty_pool_boots_for_those_who_wait(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=0)) as pool:
        taken = await asyncio.gather(*(pool.acquire_blank(ignore) for _ in range(3)))
        assert len({sandbox.pid for sandbox in taken}) == 3
        assert (pool.blank, pool.size) == (0, 3)


async def test_a_sandbox_belongs_to_one_version_for_life(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=0)) as pool:
        sandbox, version = await pool.acquire_blank(ignore), uuid.uuid4()
        sandbox.bind(version)
        assert (sandbox.state, sandbox.version) == (SandboxState.BOUND, version)
        with pytest.raises(SandboxMisuseError, match="cannot become bound: it is bound"):
            sandbox.bind(uuid.uuid4())
        pool.retire(sandbox)
        with pytest.raises(SandboxMisuseError, match="it is retired"):
            sandbox.bind(version)


async def test_a_retired_sandbox_is_gone_and_its_owner_is_not_told(deaf: Path, host: Path) -> None:
    deaths: list[Sandbox] = []
    async with running(deaf, PoolLimits(blank_target=0)) as pool:
        sandbox = await pool.acquire_blank(deaths.append)
        pool.retire(sandbox)
        pool.retire(sandbox)
        assert str(await sandbox.exited) == "SIGKILL (killed)"
        await until(lambda: pool.size == 0)
    async with running(host, PoolLimits(blank_target=0)) as pool:
        sandbox = await pool.acquire_blank(deaths.append)
        pool.retire(sandbox, grace=sandboxes.PATIENCE)
        assert sandbox.state is SandboxState.RETIRED
        assert str(await sandbox.exited) == "exit code 0"
        await until(lambda: pool.size == 0)
    assert deaths == []


async def test_one_whose_link_closes_within_its_grace_is_gone_too(host: Path) -> None:
    deaths: list[Sandbox] = []
    async with running(host, PoolLimits(blank_target=0)) as pool:
        sandbox = await pool.acquire_blank(deaths.append)
        pool.retire(sandbox, grace=sandboxes.PATIENCE)
        sandbox.link.close()
        await until(lambda: pool.size == 0)
    assert deaths == []


async def test_one_that_does_not_leave_within_its_grace_is_killed(deaf: Path) -> None:
    async with running(deaf, PoolLimits(blank_target=0)) as pool:
        sandbox = await pool.acquire_blank(ignore)
        pool.retire(sandbox, grace=0.05)
        assert str(await sandbox.exited) == "SIGKILL (killed)"


async def test_a_death_is_told_to_the_owner_once(host: Path) -> None:
    deaths: list[Sandbox] = []
    async with running(host, PoolLimits(blank_target=0)) as pool:
        sandbox = await pool.acquire_blank(deaths.append)
        os.kill(sandbox.pid, signal.SIGKILL)
        await until(lambda: len(deaths) == 1)
        assert str(await sandbox.exited) == "SIGKILL (killed)"
        await until(lambda: pool.size == 0)
        assert deaths == [sandbox]
        assert sandbox.state is SandboxState.RETIRED


async def test_a_dead_blank_one_is_replaced_and_never_handed_out(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=1)) as pool:
        await until(lambda: pool.blank == 1)
        (victim,) = pool._blank
        os.kill(victim.pid, signal.SIGKILL)
        await until(lambda: victim.state is SandboxState.RETIRED)
        sandbox = await pool.acquire_blank(ignore)
        assert sandbox.pid != victim.pid
        assert sandbox.state is SandboxState.BLANK


async def test_the_death_of_the_spawner_costs_all_sandboxes_and_is_made_good(host: Path) -> None:
    deaths: list[Sandbox] = []
    async with running(host, PoolLimits(blank_target=1)) as pool:
        taken = await pool.acquire_blank(deaths.append)
        await until(lambda: pool.blank == 1)
        spawner = pool._spawner.pid
        assert spawner is not None
        os.kill(spawner, signal.SIGKILL)
        await until(lambda: deaths == [taken])
        await until(lambda: pool.blank == 1 and pool._spawner.pid != spawner)
        assert (await pool.acquire_blank(ignore)).state is SandboxState.BLANK


async def test_no_more_than_the_most_are_started(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=5, max_sandboxes=2)) as pool:
        first, second = [await pool.acquire_blank(ignore) for _ in range(2)]
        assert pool.full
        waiting = asyncio.ensure_future(pool.acquire_blank(ignore))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        assert pool.size == 2
        pool.retire(first)
        third = await waiting
        assert third.pid not in (first.pid, second.pid)
        assert pool.size <= 2


async def test_a_cancelled_wait_costs_no_sandbox(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=0, max_sandboxes=1)) as pool:
        given_up = asyncio.ensure_future(pool.acquire_blank(ignore))
        await until(lambda: len(pool._waiters) == 1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await pool.acquire_blank(ignore)).state is SandboxState.BLANK


async def test_a_wait_cancelled_at_the_moment_of_delivery_costs_no_sandbox(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(host, PoolLimits(blank_target=0, max_sandboxes=1)) as pool:
        given_up = asyncio.ensure_future(pool.acquire_blank(ignore))
        await until(lambda: len(pool._waiters) == 1)
        offer = pool._offer

        def offer_and_cancel(sandbox: Sandbox) -> None:
            monkeypatch.undo()
            offer(sandbox)
            given_up.cancel()  # delivered, and not yet awake

        monkeypatch.setattr(pool, "_offer", offer_and_cancel)
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await pool.acquire_blank(ignore)).state is SandboxState.BLANK


async def test_a_host_that_dies_at_boot_is_one_error_with_its_words(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = sandboxes.make_host(place / "broken", sandboxes.BROKEN)
    with caplog.at_level(logging.ERROR, "picloud"):
        async with running(host, PoolLimits(blank_target=1)) as pool:
            with pytest.raises(SandboxBootError, match=r"exit code 3: no such module: pyodide"):
                await pool.acquire_blank(ignore)
            with pytest.raises(SandboxBootError, match="exit code 3"):
                await pool.acquire_blank(ignore)
            await until(lambda: pool._failures >= 3)
    assert [record.getMessage() for record in caplog.records] == ["sandbox_boot_failed"]


async def test_a_host_that_recovers_serves_again(place: Path) -> None:
    host = sandboxes.make_host(place / "broken", sandboxes.BROKEN)
    async with running(host, PoolLimits(blank_target=1)) as pool:
        with pytest.raises(SandboxBootError):
            await pool.acquire_blank(ignore)
        sandboxes.make_host(host)
        await until(lambda: pool.blank == 1)
        assert (await pool.acquire_blank(ignore)).state is SandboxState.BLANK


async def test_a_host_that_never_says_hello_is_killed_after_the_boot_timeout(place: Path) -> None:
    host = sandboxes.make_host(place / "mute", sandboxes.MUTE)
    async with running(host, PoolLimits(blank_target=0, boot_timeout=0.3)) as pool:
        with pytest.raises(SandboxBootError, match=r"not ready after 0\.3 s"):
            await pool.acquire_blank(ignore)


async def test_a_node_binary_that_vanishes_is_one_clear_error(host: Path, place: Path) -> None:
    runtime = Runtime.find(sandbox_host=host, snapshot=None)
    gone = Runtime(
        node=place / "node",
        flags=runtime.flags,
        main=runtime.main,
        snapshot=None,
        readable=runtime.readable,
        executable=runtime.readable[-1:],
    )
    pool = SandboxPool(gone, PoolLimits(blank_target=0), Spawner())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pool.run())
        with pytest.raises(SandboxBootError, match="No such file"):
            await pool.acquire_blank(ignore)
        await pool.close()


async def test_closing_fails_those_who_wait_and_leaves_no_process(host: Path) -> None:
    async with running(host, PoolLimits(blank_target=2, max_sandboxes=3)) as pool:
        taken = await pool.acquire_blank(ignore)
        await until(lambda: pool.blank == 2)
        pids = [taken.pid, *(sandbox.pid for sandbox in pool._blank)]
        for _ in range(2):
            await pool.acquire_blank(ignore)
        waiting = asyncio.ensure_future(pool.acquire_blank(ignore))
        await until(lambda: len(pool._waiters) == 1)
        await pool.close()
        with pytest.raises(PoolClosedError):
            await waiting
        with pytest.raises(PoolClosedError):
            await pool.acquire_blank(ignore)
    assert all(is_dead(pid) for pid in pids)


async def test_closing_in_the_middle_of_a_boot_is_quick(place: Path) -> None:
    host = sandboxes.make_host(place / "mute", sandboxes.MUTE)
    async with asyncio.timeout(5):
        async with running(host, PoolLimits(blank_target=1)) as pool:
            await until(lambda: pool._booting == 1 and pool._spawner.pid is not None)
    assert pool.size == 0
