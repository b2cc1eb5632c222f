"""What /proc knows of processes: trees, CPU time and memory."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")
KIB: Final = 1024
# Positions in /proc/PID/stat after the name in brackets (proc(5) counts from 1 and the pid).
_PPID, _UTIME, _CUTIME, _CSTIME = 1, 11, 13, 14
# The columns of the line `cpu` in /proc/stat.
_IDLE, _IOWAIT, _STEAL, _GUEST = 3, 4, 7, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    name: str
    ticks: int
    """CPU time of the process and of its children that it has waited for."""
    waited: int
    """The part of those children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """CPU time of the whole machine since its start, in ticks."""

    busy: int
    steal: int


def parse_stat(text: str) -> Process:
    """A process from its `stat` file; the name may hold spaces and brackets."""
    head, _, rest = text.rpartition(")")
    pid, _, name = head.partition(" (")
    fields = rest.split()
    ticks = sum(int(value) for value in fields[_UTIME : _CSTIME + 1])
    waited = sum(int(value) for value in fields[_CUTIME : _CSTIME + 1])
    return Process(pid=int(pid), parent=int(fields[_PPID]), name=name, ticks=ticks, waited=waited)


def parse_machine(text: str) -> Machine:
    """The first line of /proc/stat. Interrupts count as busy: the kernel charges their ticks to
    the process they interrupt as well, so that busy time less our own is that of the others."""
    values = [int(value) for value in text.split("\n", 1)[0].split()[1:]]
    busy = sum(values[:_GUEST]) - values[_IDLE] - values[_IOWAIT] - values[_STEAL]
    return Machine(busy=busy, steal=values[_STEAL])


def machine(proc: Path = PROC) -> Machine:
    """The machine now."""
    return parse_machine((proc / "stat").read_text())


def table(proc: Path = PROC) -> dict[int, Process]:
    """All processes now; one that ends meanwhile is left out."""
    found = {}
    for entry in os.scandir(proc):
        if entry.name.isdigit():
            try:
                process = parse_stat(Path(entry.path, "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
            found[process.pid] = process
    return found


def tree(processes: Mapping[int, Process], roots: Collection[int]) -> list[Process]:
    """The processes of `roots` and all their descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for process in processes.values():
        children[process.parent].append(process.pid)
    seen: dict[int, Process] = {}
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in processes and pid not in seen:
            seen[pid] = processes[pid]
            waiting.extend(children[pid])
    return list(seen.values())


def run_seconds(pids: Iterable[int], proc: Path = PROC) -> float | None:
    """CPU time of living threads from the scheduler, exact to nanoseconds where ticks are of
    10 ms; None where the kernel keeps no such count. Threads that ended are not in it."""
    total = 0
    for pid in pids:
        try:
            threads = list(os.scandir(proc / str(pid) / "task"))
        except (FileNotFoundError, ProcessLookupError):
            continue
        for thread in threads:
            try:
                total += int(Path(thread.path, "schedstat").read_text().split()[0])
            except ProcessLookupError:
                continue
            except FileNotFoundError:
                if Path(thread.path).exists():
                    return None
    return total / 1e9


def parse_pss(text: str) -> int:
    """The proportional set size in a `smaps_rollup`, in bytes."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIB
    return 0  # a process without memory of its own: it is about to end


def pss(pid: int, proc: Path = PROC) -> int:
    """Memory of a process, what it shares divided among its sharers. Raises `PermissionError` for
    a process whose memory we may not look at."""
    try:
        return parse_pss((proc / str(pid) / "smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
