"""Memory and processor time, read from /proc."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from picloud.executor import usage

GONE = 2**22 + 1  # above the largest pid


def test_this_process_has_memory_and_used_time() -> None:
    assert usage.memory_bytes(os.getpid()) > 1_000_000
    before = usage.cpu_seconds(os.getpid())
    while usage.cpu_seconds(os.getpid()) == before:
        pass
    assert before < usage.cpu_seconds(os.getpid()) < 100_000


def test_memory_that_is_written_counts() -> None:
    fresh = mmap.mmap(-1, 32 * 1024 * 1024, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with memoryview(fresh) as held:  # not what was freed before
        before = usage.memory_bytes(os.getpid())
        held[:] = b"x" * len(held)
        assert usage.memory_bytes(os.getpid()) - before > len(held) * 0.9


def test_a_process_that_is_gone_uses_nothing() -> None:
    assert usage.memory_bytes(GONE) == 0
    assert usage.cpu_seconds(GONE) == 0.0


@pytest.mark.parametrize(
    ("cgroup", "limits", "expected"),
    [
        ("0::/a/b\n", {}, 8000),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "4096000"}, 4000),
        ("0::/a/b\n", {"a/b/memory.max": "1024000", "a/memory.max": "4096000"}, 1000),
        ("5:cpu,memory:/x\n0::/\n", {"memory/x/memory.limit_in_bytes": "2048000"}, 2000),
        ("5:memory:/x\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 8000),
    ],
)
def test_the_machines_memory_is_what_our_control_groups_leave_of_it(
    tmp_path: Path, cgroup: str, limits: dict[str, str], expected: int
) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal:        8000 kB\nMemFree:  1 kB\n")
    (proc / "self" / "cgroup").write_text(cgroup)
    for name, text in limits.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    assert usage.machine_memory(proc, groups) == expected * 1024
