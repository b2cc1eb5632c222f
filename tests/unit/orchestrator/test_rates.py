"""Requests per second and script."""

from __future__ import annotations

import uuid

import pytest

from picloud.orchestrator.rates import Rates

SCRIPT, OTHER = uuid.uuid4(), uuid.uuid4()


def taken(rates: Rates, rate: int, times: list[float]) -> list[bool]:
    return [rates.take(SCRIPT, rate, at) == 0 for at in times]


def test_one_seconds_worth_may_come_at_once() -> None:
    assert taken(Rates(), 5, [100.0] * 7) == [True] * 5 + [False] * 2


def test_then_one_comes_per_share_of_a_second() -> None:
    rates = Rates()
    taken(rates, 5, [100.0] * 5)
    assert taken(rates, 5, [100.1, 100.2, 100.3, 100.4]) == [False, True, False, True]


def test_a_refusal_says_how_long_to_wait() -> None:
    rates = Rates()
    rates.take(SCRIPT, 1, 100.0)
    assert rates.take(SCRIPT, 1, 100.25) == pytest.approx(0.75)


def test_scripts_have_a_bucket_each() -> None:
    rates = Rates()
    assert rates.take(SCRIPT, 1, 100.0) == 0
    assert rates.take(OTHER, 1, 100.0) == 0


def test_a_flood_of_scripts_does_not_grow_it_for_ever() -> None:
    rates = Rates()
    for number in range(25_000):
        assert rates.take(uuid.UUID(int=number), 1, 100.0 + number) == 0
    assert len(rates._full_at) <= 10_000


def test_over_a_long_time_the_rate_holds() -> None:
    rates = Rates()
    passed = sum(taken(rates, 10, [100 + tick / 100 for tick in range(1000)]))
    assert passed == 10 + 99


def test_a_bucket_may_fill_in_any_time_and_looking_takes_nothing() -> None:
    rates = Rates()
    for _ in range(3):
        assert rates.wait("a", 2, 100.0, 60.0) == 0
    assert [rates.take("a", 2, 100.0, 60.0) for _ in range(2)] == [0, 0]
    assert rates.wait("a", 2, 100.0, 60.0) == pytest.approx(30.0)
    assert rates.wait("a", 2, 115.0, 60.0) == pytest.approx(15.0)
    assert rates.take("a", 2, 130.0, 60.0) == 0
    assert rates.take("a", 2, 130.0, 60.0) == pytest.approx(30.0)


def test_a_flood_of_callers_within_their_time_is_bounded_and_the_busiest_stay_known() -> None:
    rates = Rates()
    for _ in range(10):
        rates.take("busy", 10, 100.0, 3600.0)
    for number in range(450_000):
        rates.take(number, 10, 100.0, 3600.0)
    assert len(rates._full_at) <= 400_000
    assert rates.wait("busy", 10, 100.0, 3600.0) > 0
