"""Limits are resolved once, and every fault says what it was, what was asked and what may be."""

from __future__ import annotations

import json

import pytest

from picloud.domain.failures import InvalidInput
from picloud.domain.limits import HIGHEST, NAMES, Limits, resolve

CEILINGS = Limits(
    timeout_ms=60_000,
    cpu_ms=30_000,
    memory_mb=512,
    request_bytes=10 * 1024 * 1024,
    sandboxes=4,
    stream_idle_ms=60_000,
)


def test_what_is_not_given_stays_as_it_was() -> None:
    base = Limits(memory_mb=256)
    assert resolve({}, base=base, ceilings=CEILINGS) == base
    assert resolve({"concurrency": 8}, base=base, ceilings=CEILINGS).memory_mb == 256


def test_every_fault_names_limit_value_and_ceiling() -> None:
    given = {"timeout_ms": 60_001, "memory_mb": 16, "sandboxes": 5, "speed": 9, "cpu_ms": 1}
    with pytest.raises(InvalidInput) as caught:
        resolve(given, base=Limits(), ceilings=CEILINGS)
    assert [(fault.field, fault.message) for fault in caught.value.faults] == [
        ("limits.timeout_ms", "timeout_ms=60001 exceeds this instance's ceiling of 60000"),
        ("limits.memory_mb", "memory_mb=16 is less than the least, 64"),
        ("limits.sandboxes", "sandboxes=5 exceeds this instance's ceiling of 4"),
        ("limits.speed", f"is not a limit; the limits are {', '.join(NAMES)}"),
    ]


def test_a_base_above_the_ceilings_is_cut_and_a_ceiling_of_zero_is_none() -> None:
    base = Limits(memory_mb=1024, rate_per_second=5)
    resolved = resolve({}, base=base, ceilings=CEILINGS)
    assert (resolved.memory_mb, resolved.rate_per_second) == (512, 5)
    assert resolve({"rate_per_second": 900}, base=base, ceilings=CEILINGS).rate_per_second == 900


def test_processor_time_follows_the_wall_time_unless_it_is_given() -> None:
    slow = resolve({"timeout_ms": 20_000}, base=Limits(), ceilings=CEILINGS)
    assert (slow.timeout_ms, slow.cpu_ms) == (20_000, 20_000)
    slower = resolve({"timeout_ms": 50_000}, base=Limits(), ceilings=CEILINGS)
    assert (slower.timeout_ms, slower.cpu_ms) == (50_000, 30_000)
    both = resolve({"timeout_ms": 20_000, "cpu_ms": 500}, base=Limits(), ceilings=CEILINGS)
    assert both.cpu_ms == 500


def test_a_node_holds_the_ceilings_of_today_and_fills_in_what_zero_means() -> None:
    pinned = Limits(timeout_ms=300_000)
    held = pinned.within(CEILINGS)
    assert (held.timeout_ms, held.sandboxes, held.rate_per_second) == (60_000, 4, 0)
    assert Limits(sandboxes=2).within(CEILINGS).sandboxes == 2
    assert pinned.within(HIGHEST).timeout_ms == 300_000


def test_limits_come_back_from_the_database_as_they_went() -> None:
    limits = Limits(timeout_ms=1, sandboxes=3)
    assert Limits.from_json(limits.to_json()) == limits
    stored = json.dumps({"timeout_ms": 5, "of_a_later_release": 1})
    assert Limits.from_json(stored) == Limits(timeout_ms=5)
