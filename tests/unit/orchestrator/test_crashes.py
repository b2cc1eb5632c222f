"""When a script's sandboxes die one after the other."""

from __future__ import annotations

from picloud.orchestrator.crashes import DEATHS_ALLOWED, PAUSES, Crashes


def test_a_failed_import_is_not_tried_again_before_its_pause_is_over() -> None:
    crashes = Crashes()
    crashes.import_failed("import_failed", 100.0)
    refusal = crashes.refusal(100.1)
    assert refusal is not None
    assert (refusal.status, refusal.code, refusal.retry_after) == (503, "crash_loop", 1)
    assert "its import failed (import_failed)" in refusal.message
    assert crashes.refusal(100.0 + PAUSES[0]) is None


def test_pauses_grow_and_the_longest_repeats() -> None:
    crashes, now, pauses = Crashes(), 100.0, []
    for _ in range(len(PAUSES) + 2):
        crashes.import_failed("import_failed", now)
        refusal = crashes.refusal(now)
        assert refusal is not None
        pauses.append(refusal.retry_after)
        now += 1000
    assert pauses == [1, 1, 2, 5, 10, 30, 30, 30]


def test_a_few_early_deaths_are_allowed() -> None:
    crashes = Crashes()
    for _ in range(DEATHS_ALLOWED):
        crashes.died("sandbox_died", 100.0)
        assert crashes.refusal(100.0) is None
    crashes.died("sandbox_died", 100.0)
    assert crashes.refusal(100.0) is not None


def test_a_good_answer_forgives_everything() -> None:
    crashes = Crashes()
    for _ in range(5):
        crashes.died("sandbox_died", 100.0)
    crashes.steady()
    assert crashes.refusal(100.0) is None
    crashes.died("sandbox_died", 100.0)
    assert crashes.refusal(100.0) is None
