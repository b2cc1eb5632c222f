"""The report and the self-test, on this machine and within what a default container allows."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from picloud.domain.isolation import IsolationLayer, IsolationLevel
from picloud.executor import self_test
from picloud.executor.isolation import REQUIRED, SELF_TEST, isolation_report
from picloud.executor.jail.spec import JailSpec
from picloud.executor.runtime import node_binary
from picloud.executor.sandbox_process import Spawner, SpawnError
from support import container, sandboxes

ALL_BREACHES = {
    "machine": ["read a file", "see processes", "read /proc", "start a process",
                "signal a process"],
    "network": ["open a socket", "connect"],
}  # fmt: skip


@pytest.fixture
def jail(host: Path) -> JailSpec:
    return sandboxes.jail_of(host, "dist/main.js")


@pytest.fixture
async def contained(user: int) -> AsyncIterator[Spawner]:
    spawner = container.spawner_under(container.container(), user)
    yield spawner
    await spawner.close()


def by_name(layers: tuple[IsolationLayer, ...]) -> dict[str, IsolationLayer]:
    return {layer.name: layer for layer in layers}


@pytest.mark.parametrize("program", self_test.PROGRAMS)
def test_every_attempt_of_the_self_test_succeeds_outside_the_jail(program: str) -> None:
    with self_test.Canaries.put_out() as canaries:
        done = subprocess.run(
            [node_binary(), *canaries.arguments(program, pid=os.getpid())],
            capture_output=True,
            text=True,
            check=True,
            timeout=sandboxes.PATIENCE,
        )
        assert done.stdout.splitlines() == ["begun", *ALL_BREACHES[program]]
        assert canaries.reached() == (program == "network")


async def test_every_needed_layer_holds_here(jail: JailSpec, spawner: Spawner) -> None:
    found = await isolation_report(jail, spawner)
    layers = by_name(found.layers)
    assert [layers[name] for name in REQUIRED if not layers[name].active] == []
    assert found.level is not IsolationLevel.WEAK


async def test_the_self_test_names_what_it_could_do(jail: JailSpec, spawner: Spawner) -> None:
    leaky = replace(sandboxes.at_level(jail, "portable"), read=("/",))
    assert await self_test.breaches(leaky, spawner) == ["read a file", "read /proc"]
    found = await isolation_report(leaky, spawner)
    assert found.level is IsolationLevel.WEAK
    assert by_name(found.layers)[SELF_TEST] == IsolationLayer(
        SELF_TEST, False, "from inside a sandbox one can read a file, read /proc"
    )


async def test_a_self_test_that_cannot_run_counts_as_failed(
    jail: JailSpec, spawner: Spawner
) -> None:
    broken = replace(jail, environment={"NODE_OPTIONS": "--no-such-option"})
    layer = by_name((await isolation_report(broken, spawner)).layers)[SELF_TEST]
    assert not layer.active
    assert "the self-test did not run: exit code 9" in layer.detail


async def test_layers_nobody_wants_are_reported_as_such(jail: JailSpec, spawner: Spawner) -> None:
    found = await isolation_report(sandboxes.at_level(jail, "portable"), spawner)
    layers = by_name(found.layers)
    assert found.level is IsolationLevel.PORTABLE
    for name in ("private_user", "user_namespace", "mount_namespace", "cgroup_memory"):
        assert (layers[name].active, layers[name].detail) == (False, "not wanted"), name


async def test_in_a_default_container_it_is_portable_and_says_why(
    jail: JailSpec, contained: Spawner, user: int
) -> None:
    found = await isolation_report(jail, contained)
    layers = by_name(found.layers)
    assert found.level is IsolationLevel.PORTABLE
    for kind in ("mount", "pid", "network", "ipc", "uts", "user"):
        layer = layers[f"{kind}_namespace"]
        assert (layer.active, "Operation not permitted" in layer.detail) == (False, True), layer
    assert layers["private_user"].active == (user == 0)
    assert layers[SELF_TEST].active


async def test_in_a_default_container_sandboxes_start_and_end(
    jail: JailSpec, contained: Spawner, user: int
) -> None:
    processes = [await contained.spawn(jail) for _ in range(3)]
    for process in processes:
        assert b"protocol" in sandboxes.first_frame(process)
        status = sandboxes.status_of(process.pid)
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert (int(status["Uid"].split()[0]) == user) == (user != 0)
    processes[0].kill()
    assert (await sandboxes.ended(processes[0]))[0] == "SIGKILL (killed)"
    processes[1].link.close()
    assert (await sandboxes.ended(processes[1]))[0] == "exit code 0"
    await contained.close()
    async with asyncio.timeout(sandboxes.PATIENCE):
        assert (await processes[2].exited).signal is not None
    for process in processes:
        process.link.close()


async def test_without_landlock_it_is_weak_and_nothing_starts(jail: JailSpec, user: int) -> None:
    spawner = container.spawner_under(container.old_kernel(), user)
    try:
        found = await isolation_report(jail, spawner)
        assert found.level is IsolationLevel.WEAK
        assert "not implemented" in by_name(found.layers)["landlock"].detail
        with pytest.raises(SpawnError, match="Landlock is missing on this kernel"):
            await spawner.spawn(jail)
        process = await spawner.spawn(replace(jail, allow_weak=True))
        assert b"protocol" in sandboxes.first_frame(process)
        process.link.close()
    finally:
        await spawner.close()
