"""What a process and this machine have of memory and processor time, read from /proc.

These files are readable whoever owns the process: sandboxes may have users of their own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = os.sysconf("SC_CLK_TCK")
_V1: Final = "memory"  # the controller's name, and its place below /sys/fs/cgroup


def memory_bytes(pid: int) -> int:
    """Memory that is this process's own: resident and not backed by a file. 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared, *_ = file.read().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * _PAGE


def cpu_seconds(pid: int) -> float:
    """Processor time of all its threads so far. 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK


def machine_memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory this machine has, or the least limit of our control groups."""
    return min([_total(proc), *_limits(proc, cgroups)])


def _total(proc: Path) -> int:
    for line in (proc / "meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) * 1024
    raise OSError(f"{proc}/meminfo names no MemTotal")


def _limits(proc: Path, cgroups: Path) -> list[int]:
    """The limits of our group and of those around it, of either version of control groups."""
    found: list[int] = []
    for line in (proc / "self" / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, name = cgroups, "memory.max"
        elif _V1 in controllers.split(","):
            base, name = cgroups / _V1, "memory.limit_in_bytes"
        else:
            continue
        place = base / path.lstrip("/")
        for directory in (place, *place.parents):
            found += _limit(directory / name)
            if directory == base:
                break
    return found


def _limit(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []
