"""A segment is one measurement during which the machine should be ours alone.

The CPU time of all processes that are not ours is what disturbs it. A disturbed segment is
measured again; of several disturbed ones the least disturbed is kept, and marked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
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
    """Cores that the hypervisor took away, on average; only reported."""
    tries: int

    @property
    def disturbed(self) -> bool:
        return self.others > DISTURBED_CORES


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


def measure(
    act: Callable[[], Value], read: Probe, *, tries: int = TRIES, limit: float = DISTURBED_CORES
) -> Segment[Value]:
    """Run `act` until it was not disturbed, at most `tries` times; keep the quietest."""
    best: Segment[Value] | None = None
    for number in range(1, tries + 1):
        before = read()
        value = act()
        others, steal = cores(before, read())
        if best is None or others < best.others:
            best = Segment(value=value, others=others, steal=steal, tries=number)
        if others <= limit:
            break
    if best is None:
        raise ValueError("a segment needs at least one try")
    return Segment(value=best.value, others=best.others, steal=best.steal, tries=number)
