"""Namespaces, users and control groups of real sandboxes, as the kernel shows them from outside."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from picloud.executor.jail.spec import JailSpec, resident_bytes
from picloud.executor.sandbox_process import SandboxProcess, Spawner
from support import sandboxes

NAMESPACES = {"mount": "mnt", "pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts",
              "user": "user"}  # fmt: skip
ROUNDS = 50
# Bombs of memory that WebAssembly's own limit does not see.
BOMBS = {
    "buffers": "const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1));",
    "array buffers": "const kept = []; for (;;) kept.push(new Uint8Array(16 << 20).fill(1));",
    "shared": "const kept = [];"
    "for (;;) kept.push(new Uint8Array(new SharedArrayBuffer(16 << 20)).fill(1));",
    "heap": "const kept = []; for (;;) kept.push(new Array(1000).fill({}));",
}


@pytest.fixture
def jail(host: Path) -> JailSpec:
    return sandboxes.jail_of(host, "dist/main.js")


async def start(spawner: Spawner, jail: JailSpec) -> SandboxProcess:
    process = await spawner.spawn(jail)
    assert b"protocol" in sandboxes.first_frame(process)
    return process


async def stop(process: SandboxProcess) -> None:
    process.kill()
    await sandboxes.ended(process)
    process.link.close()


async def active(spawner: Spawner, jail: JailSpec) -> dict[str, str]:
    """The layers this machine grants, with their details."""
    found = await spawner.layers(jail)
    return {layer["name"]: layer["detail"] for layer in found if layer["active"]}


def needs(layers: dict[str, str], name: str) -> str:
    if name not in layers:
        pytest.skip(f"this machine grants no {name} to this user")
    return layers[name]


def namespace(pid: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{NAMESPACES[kind]}")


@pytest.mark.parametrize("kind", NAMESPACES)
async def test_each_sandbox_has_a_namespace_of_its_own(
    kind: str, jail: JailSpec, spawner: Spawner
) -> None:
    needs(await active(spawner, jail), f"{kind}_namespace")
    first, second = await start(spawner, jail), await start(spawner, jail)
    seen = {namespace(pid, kind) for pid in (first.pid, second.pid, spawner.pid or 0, "self")}
    assert len(seen - {namespace(spawner.pid or 0, kind)}) >= 2
    assert namespace(first.pid, kind) != namespace(second.pid, kind)
    await stop(first)
    await stop(second)


async def test_its_root_holds_just_the_files_it_needs_and_nothing_can_be_written(
    jail: JailSpec, spawner: Spawner
) -> None:
    needs(await active(spawner, jail), "mount_namespace")
    process = await start(spawner, jail)
    root = Path("/proc", str(process.pid), "root")
    wanted = {Path(path).parts[1] for path in (*jail.read, *jail.execute)}
    assert set(os.listdir(root)) == wanted  # no proc
    assert not exists(root / "etc" / "passwd")
    mounts = [line.split() for line in sandboxes.read_proc(process.pid, "mountinfo").splitlines()]
    assert all({"ro", "nosuid"} <= set(mount[5].split(",")) for mount in mounts)
    assert {mount[4] for mount in mounts} <= {"/", *jail.read, *jail.execute}
    await stop(process)


async def test_it_sees_neither_the_machines_name_nor_its_processes(
    host: Path, spawner: Spawner
) -> None:
    (host / "look.cjs").write_text(
        "const os = require('os');"
        "require('fs').writeSync(1, `${os.hostname()} ${process.pid} ${process.ppid} "
        "${Object.keys(os.networkInterfaces())}`)"
    )
    jail = sandboxes.jail_of(host, "look.cjs", read=(str(host),))
    needs(await active(spawner, jail), "pid_namespace")
    process = await spawner.spawn(jail)
    process.link.close()
    status, said = await sandboxes.ended(process)
    if status == "exit code 0":
        assert said == "sandbox 1 0 "
    else:  # asking for the network's interfaces takes a socket
        assert status.startswith("SIGSYS")


async def test_each_sandbox_has_a_user_of_its_own_and_no_group(
    jail: JailSpec, spawner: Spawner
) -> None:
    needs(await active(spawner, jail), "private_user")
    processes = [await start(spawner, jail) for _ in range(3)]
    statuses = [sandboxes.status_of(process.pid) for process in processes]
    users = {status["Uid"] for status in statuses}
    assert len(users) == 3
    assert all(len(set(user.split())) == 1 and int(user.split()[0]) >= 70_000 for user in users)
    assert [status["Groups"].strip() for status in statuses] == [""] * 3
    assert {status["Gid"] for status in statuses} == users
    for process in processes:
        assert "Max processes             32 " in sandboxes.read_proc(process.pid, "limits")
        await stop(process)


async def test_two_spawners_never_give_the_same_user(jail: JailSpec, user: int) -> None:
    spawners = [sandboxes.spawner_as(user) for _ in range(2)]
    try:
        needs(await active(spawners[0], jail), "private_user")
        processes = [await start(spawner, jail) for spawner in spawners]
        assert len({sandboxes.status_of(process.pid)["Uid"] for process in processes}) == 2
        for process in processes:
            await stop(process)
    finally:
        for spawner in spawners:
            await spawner.close()


async def test_files_that_others_cannot_read_leave_it_with_the_nodes_user(
    jail: JailSpec, host: Path, spawner: Spawner, user: int
) -> None:
    (host / "dist" / "main.js").chmod(0o600)
    os.chown(host / "dist" / "main.js", user, -1)
    process = await start(spawner, jail)
    assert sandboxes.status_of(process.pid)["Uid"].split()[0] == str(user)
    layers = {layer["name"]: layer for layer in await spawner.layers(jail)}
    assert not layers["private_user"]["active"]
    await stop(process)


@contextmanager
def closed_to_others(directory: Path, user: int) -> Iterator[None]:
    os.chown(directory, user, -1)
    directory.chmod(0o700)
    yield
    directory.chmod(0o755)


async def test_files_below_a_closed_directory_are_there_all_the_same(
    jail: JailSpec, place: Path, spawner: Spawner, user: int
) -> None:
    with closed_to_others(place, user):
        layers = await active(spawner, jail)
        process = await start(spawner, jail)
        own = sandboxes.status_of(process.pid)["Uid"].split()[0] != str(user)
        assert own == ("private_user" in layers) == (user == 0)
        await stop(process)
        portable = sandboxes.at_level(jail, "portable")
        await stop(await start(spawner, replace(portable, private_user=True)))


def exists(path: Path) -> bool:
    return path.exists()


async def test_a_control_group_holds_each_sandbox_and_ends_with_it(
    jail: JailSpec, spawner: Spawner
) -> None:
    layers = await active(spawner, jail)
    memory = Path(needs(layers, "cgroup_memory"))
    threads = Path(needs(layers, "cgroup_pids"))
    process = await start(spawner, replace(jail, memory_mb=512))
    group = memory / str(process.pid)
    assert (group / "cgroup.procs").read_text().split() == [str(process.pid)]
    assert (threads / str(process.pid) / "pids.max").read_text().strip() == "32"
    assert limit_of(group) == resident_bytes(512)
    process.limit_memory(100)
    second = await start(spawner, jail)  # answered after the limit
    assert limit_of(group) == resident_bytes(100)
    assert f"Max data size             {1200 << 20} " in sandboxes.read_proc(process.pid, "limits")
    await stop(process)
    await stop(second)
    assert not exists(group)
    await spawner.close()
    assert not exists(memory)
    assert not exists(threads)


def limit_of(group: Path) -> int:
    files = (group / "memory.max", group / "memory.limit_in_bytes")
    return next(int(file.read_text()) for file in files if file.exists())


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("level", sandboxes.LEVELS)
async def test_a_memory_bomb_ends_its_sandbox_and_harms_nobody(
    bomb: str, level: str, host: Path, spawner: Spawner
) -> None:
    (host / "bomb.cjs").write_text(f"setTimeout(() => {{ {BOMBS[bomb]} }}, 200)")
    jail = sandboxes.jail_of(host, "bomb.cjs", read=(str(host),))
    jail = sandboxes.at_level(replace(jail, memory_mb=128), level)
    jail = replace(jail, arguments=("--max-old-space-size=128", *jail.arguments))
    neighbour = await start(spawner, sandboxes.jail_of(host, "dist/main.js"))
    process = await spawner.spawn(jail)
    process.link.close()
    status, said = await sandboxes.ended(process)
    ended = await process.exited
    assert ended.out_of_memory or "allocation" in said.lower(), (status, said)
    if level == "full" and "cgroup_memory" in await active(spawner, jail):
        assert ended.out_of_memory
    neighbour.link.close()
    assert (await sandboxes.ended(neighbour))[0] == "exit code 0"


async def test_a_machine_out_of_memory_ends_sandboxes_first(
    jail: JailSpec, spawner: Spawner
) -> None:
    process = await start(spawner, jail)
    assert sandboxes.read_proc(process.pid, "oom_score_adj").strip() == "500"
    await stop(process)


async def test_many_starts_and_ends_leave_nothing_behind(jail: JailSpec, spawner: Spawner) -> None:
    layers = await active(spawner, jail)
    groups = [Path(layers[name]) for name in layers if name.startswith("cgroup_")]
    await stop(await start(spawner, jail))
    before = descriptors_of(spawner)
    for _ in range(ROUNDS // 5):
        processes = [await spawner.spawn(jail) for _ in range(5)]
        for process in processes:
            await stop(process)
    assert descriptors_of(spawner) == before
    assert children_of(spawner) == []
    for group in groups:
        assert [child for child in group.iterdir() if child.is_dir()] == []


def descriptors_of(spawner: Spawner) -> int:
    return len(os.listdir(f"/proc/{spawner.pid}/fd"))


def children_of(spawner: Spawner) -> list[str]:
    return Path(f"/proc/{spawner.pid}/task/{spawner.pid}/children").read_text().split()


async def test_what_a_killed_spawner_leaves_is_removed_at_the_next_start(
    jail: JailSpec, spawner: Spawner
) -> None:
    layers = await active(spawner, jail)
    memory = Path(needs(layers, "cgroup_memory"))
    processes = [await start(spawner, jail) for _ in range(2)]
    os.kill(spawner.pid or 0, signal.SIGKILL)
    for process in processes:
        assert await sandboxes.is_gone(process.pid)
        process.link.close()
    async with asyncio.timeout(sandboxes.PATIENCE):
        await asyncio.gather(*(process.exited for process in processes))
    assert exists(memory)
    await stop(await start(spawner, jail))  # by a new spawner
    assert not exists(memory)
