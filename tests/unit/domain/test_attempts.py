"""Counting tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from picloud.domain import attempts
from picloud.domain.attempts import WINDOW, Attempts


def used_up(limit: int, *, now: float = 0.0) -> Attempts:
    """All tries of the key "a" are taken."""
    counted = Attempts(limit)
    for _ in range(limit):
        assert counted.wait("a", now) == 0
        counted.take("a", now)
    return counted


def test_a_burst_is_allowed_and_then_one_comes_back_at_a_time() -> None:
    counted = used_up(10)
    assert counted.wait("a", 0) == WINDOW / 10
    assert counted.wait("a", WINDOW / 10 - 1) == 1
    assert counted.wait("a", WINDOW / 10) == 0
    counted.take("a", WINDOW / 10)
    assert counted.wait("a", WINDOW / 10) > 0
    assert counted.wait("b", 0) == 0


def test_all_are_back_after_a_window() -> None:
    counted = used_up(10)
    for _ in range(10):
        assert counted.wait("a", WINDOW) == 0
        counted.take("a", WINDOW)
    assert counted.wait("a", WINDOW) > 0


def test_a_try_can_be_given_back_and_all_forgotten() -> None:
    counted = used_up(3)
    counted.give_back("a")
    assert counted.wait("a", 0) == 0
    counted.take("a", 0)
    assert counted.wait("a", 0) > 0
    counted.forget("a")
    assert len(counted) == 0
    counted.give_back("a")
    assert counted.wait("a", 0) == 0


def test_what_is_remembered_is_bounded_and_the_stale_goes_first() -> None:
    counted = used_up(1)
    for number in range(attempts.MAX_KEYS - 1):
        counted.take(f"stale {number}", -WINDOW)
    counted.take("one more", 1)
    assert len(counted) == 2
    assert counted.wait("a", 1) > 0
    for number in range(attempts.MAX_KEYS + 5):
        counted.take(f"live {number}", 1)
    assert len(counted) == attempts.MAX_KEYS


@given(st.integers(1, 50), st.lists(st.floats(0, 100), max_size=200))
def test_no_window_holds_more_than_twice_the_limit(limit: int, pauses: list[float]) -> None:
    """A burst and what comes back meanwhile; what is refused does not count."""
    counted, now, taken = Attempts(limit), 0.0, []
    for pause in pauses:
        now += pause
        if counted.wait("a", now) == 0:
            counted.take("a", now)
            taken.append(now)
    for start in taken:
        assert sum(start <= moment < start + WINDOW for moment in taken) <= 2 * limit
