"""A segment is one measurement during which the machine should be ours alone.

What disturbs it is the CPU time of all processes that are not ours, and on a virtual machine the
time that the hypervisor gave to others. A disturbed segment is measured again; of several
disturbed ones the least disturbed is kept, and marked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from picloud.bench import procfs

Value = TypeVar("Value")

DISTURBED_CORES: Final = 0.12
TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was used up to one moment."""

    at: float
    busy: int
    own: int
    steal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Generic[Value]):
    """A measured value and how quiet the machine was meanwhile."""

    value: Value
    others: float
    """Cores that other processes used, on average."""
    steal: float
    """Cores that the hypervisor took away, on average."""
    tries: int

    @property
    def disturbance(self) -> float:
        return self.others + self.steal

    @property
    def disturbed(self) -> bool:
        return self.disturbance > DISTURBED_CORES


Probe = Callable[[], Reading]


def probe(roots: Callable[[], Collection[int]]) -> Probe:
    """A probe that takes this process and the trees of `roots` for our own."""

    def read() -> Reading:
        machine = procfs.machine()
        own = procfs.tree(procfs.table(), {os.getpid(), *roots()})
        return Reading(
            at=time.monotonic(),
            busy=machine.busy,
            own=sum(process.ticks for process in own),
            steal=machine.steal,
        )

    return read


def cores(before: Reading, after: Reading) -> tuple[float, float]:
    """What others and the hypervisor took between two readings, in cores."""
    ticks = (after.at - before.at) * procfs.TICKS
    if ticks <= 0:
        return 0.0, 0.0
    others = (after.busy - before.busy) - (after.own - before.own)
    return max(0.0, others / ticks), (after.steal - before.steal) / ticks


def measure(act: Callable[[], Value], read: Probe, *, tries: int = TRIES) -> Segment[Value]:
    """Run `act` until it was not disturbed, at most `tries` times; keep the quietest."""
    found: list[Segment[Value]] = []
    while len(found) < tries:
        before = read()
        value = act()
        others, steal = cores(before, read())
        found.append(Segment(value=value, others=others, steal=steal, tries=len(found) + 1))
        if not found[-1].disturbed:
            break
    best = min(found, key=lambda segment: segment.disturbance)
    return replace(best, tries=len(found))
