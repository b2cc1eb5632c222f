"""When a segment is measured again, and which one is kept."""

import os
from collections.abc import Callable, Iterator

import pytest

from picloud.bench import procfs, segment
from picloud.bench.segment import Reading


def readings(*disturbances: tuple[int, int]) -> Callable[[], Reading]:
    """A probe: per segment of one second the ticks that others took and that were stolen."""

    def walk() -> Iterator[Reading]:
        at, busy, own, steal = 0.0, 0, 0, 0
        for others, stolen in disturbances:
            yield Reading(at=at, busy=busy, own=own, steal=steal)
            at, busy, own, steal = at + 1, busy + 80 + others, own + 80, steal + stolen
            yield Reading(at=at, busy=busy, own=own, steal=steal)

    steps = walk()
    return lambda: next(steps)


def test_a_quiet_segment_is_measured_once() -> None:
    values = iter([1, 2, 3])
    found = segment.measure(lambda: next(values), readings((5, 0)))
    assert (found.value, found.tries, found.disturbed) == (1, 1, False)
    assert found.others == pytest.approx(5 / procfs.TICKS)


def test_a_disturbed_segment_is_measured_again() -> None:
    values = iter([1, 2, 3])
    found = segment.measure(lambda: next(values), readings((50, 0), (3, 0)))
    assert (found.value, found.tries, found.disturbed) == (2, 2, False)


def test_of_disturbed_segments_the_quietest_is_kept_and_marked() -> None:
    values = iter([1, 2, 3])
    found = segment.measure(lambda: next(values), readings((50, 0), (20, 0), (90, 0)))
    assert (found.value, found.tries, found.disturbed) == (2, 3, True)


def test_time_stolen_by_the_hypervisor_disturbs_too() -> None:
    values = iter([1, 2, 3])
    found = segment.measure(lambda: next(values), readings((0, 40), (0, 1)))
    assert (found.value, found.tries, found.disturbed) == (2, 2, False)


def test_our_own_work_does_not_disturb() -> None:
    before = Reading(at=0.0, busy=100, own=50, steal=0)
    after = Reading(at=1.0, busy=300, own=250, steal=0)
    assert segment.cores(before, after) == (0.0, 0.0)


def test_others_are_never_negative() -> None:
    before = Reading(at=0.0, busy=100, own=50, steal=0)
    after = Reading(at=1.0, busy=110, own=70, steal=0)
    assert segment.cores(before, after) == (0.0, 0.0)


def test_the_probe_counts_this_process_as_our_own() -> None:
    read = segment.probe(lambda: ())
    before = read()
    start = os.times()
    while sum(os.times()[:2]) - sum(start[:2]) < 0.1:
        pass
    after = read()
    assert after.own - before.own >= 0.08 * procfs.TICKS
    assert after.busy >= before.busy
