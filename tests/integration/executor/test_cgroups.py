"""Control groups on the hierarchies this machine has mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from picloud.executor.jail import cgroups
from picloud.executor.jail.cgroups import Groups, Mount
from support import sandboxes

SHARES = ("cpu.weight", "cpu.shares")  # of the versions' files


@pytest.fixture(params=[1, 2])
def base(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A group of our own in a hierarchy of this version."""
    for mount in cgroups.mounted():
        group = mount.own / f"picloud.test.{uuid.uuid4().hex}"
        if mount.version == request.param:
            try:
                group.mkdir()
            except OSError:
                continue
            yield group
            clear(group)
            return
    pytest.skip(f"no hierarchy of version {request.param} is ours to change")


def clear(group: Path) -> None:
    for child in group.iterdir():
        if child.is_dir():
            clear(child)
    group.rmdir()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([shutil.which("sleep") or "sleep", "1000"]) as process:
        yield process
        process.kill()


def members(group: Path) -> list[int]:
    return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]


def test_the_groups_it_finds_are_those_we_are_in() -> None:
    for mount in cgroups.mounted():
        assert os.getpid() in members(mount.own), mount


def test_groups_of_dead_spawners_are_removed_with_who_is_left_in_them(
    base: Path, process: subprocess.Popen[bytes]
) -> None:
    dead, living = base / "picloud-4194304-1", base / cgroups.name_of(os.getpid())
    for group in (dead, living):
        (group / "77").mkdir(parents=True)
    (dead / "77" / "cgroup.procs").write_text(str(process.pid))
    (base / "picloud-of-somebody").mkdir()
    cgroups.sweep(base)
    assert process.wait(sandboxes.PATIENCE) < 0
    assert sorted(entry.name for entry in base.iterdir() if entry.is_dir()) == sorted(
        [living.name, "picloud-of-somebody"]
    )


def test_a_group_given_to_us_by_systemd_is_vacated(
    base: Path, process: subprocess.Popen[bytes]
) -> None:
    assert not cgroups.is_delegated(base)
    try:
        os.setxattr(base, "user.delegate", b"1")
    except OSError:
        pytest.skip("version 1 keeps no such mark")
    assert cgroups.is_delegated(base)
    (base / "cgroup.procs").write_text(str(process.pid))
    cgroups.vacate(base)
    assert members(base) == []
    assert members(base / "platform") == [process.pid]
    process.kill()
    process.wait()


def test_a_groups_share_of_the_processor_follows_its_priority(
    process: subprocess.Popen[bytes],
) -> None:
    groups = Groups()
    try:
        if "cpu" not in groups.found:
            pytest.skip(groups.faults["cpu"])
        groups.add(process.pid, 1 << 30)
        group = groups.found["cpu"] / str(process.pid)
        (share,) = (file for file in map(group.joinpath, SHARES) if file.exists())
        usual = int(share.read_text())
        groups.weigh(process.pid, 10)
        assert 8 <= usual / int(share.read_text()) <= 12
        groups.weigh(process.pid, 0)
        assert int(share.read_text()) == usual
    finally:
        process.kill()
        process.wait()
        groups.remove(process.pid)
        groups.close()


def test_a_group_that_is_not_ours_is_a_fault_and_no_error(tmp_path: Path) -> None:
    mount = Mount(2, frozenset({"memory", "pids"}), tmp_path, tmp_path / "system" / "own")
    groups = Groups([mount])
    assert groups.found == {}
    assert set(groups.faults) == {"memory", "pids", "cpu"}
    groups.add(os.getpid(), 1 << 30)
    assert not groups.out_of_memory(os.getpid())
    groups.remove(os.getpid())
    groups.close()


@pytest.mark.parametrize(
    ("root", "own", "seen"),
    [
        ("/", "/", "."),
        ("/", "/system/picloud", "system/picloud"),
        ("/docker/1", "/docker/1", "."),
        ("/docker/1", "/docker/1/inner", "inner"),
        ("/docker/1", "/", "."),
    ],
)
def test_our_group_is_found_in_a_mount_that_shows_a_part(root: str, own: str, seen: str) -> None:
    assert cgroups.below(Path("/sys/fs/cgroup"), root, own) == Path("/sys/fs/cgroup", seen)
