"""Ratios over rounds, and which rounds they stand on."""

import pytest

from picloud.bench import throughput
from picloud.bench.results import Sample


def sample(
    server: str, number: int, value: float, *, what: str = "hello", disturbed: bool = False
) -> Sample:
    return Sample(server=server, what=what, round=number, value=value, disturbed=disturbed)


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    samples = [
        *(sample("picloud", 1, 100.0), sample("starlette", 1, 100.0)),
        *(sample("picloud", 2, 20.0), sample("starlette", 2, 10.0)),
        *(sample("picloud", 3, 60.0), sample("starlette", 3, 50.0)),
    ]
    (row,) = throughput.rows(samples)
    assert row.promise.key == "hello/starlette"
    assert row.value == pytest.approx(1.2)
    assert row.samples == (1.0, 2.0, 1.2)
    assert row.met is True


def test_a_round_disturbed_for_either_server_does_not_count() -> None:
    samples = [
        *(sample("picloud", 1, 50.0), sample("starlette", 1, 100.0)),
        *(sample("picloud", 2, 99.0), sample("starlette", 2, 10.0, disturbed=True)),
    ]
    (row,) = throughput.rows(samples)
    assert row.value == 0.5
    assert row.met is False
    assert "disturbed" not in row.note


def test_when_all_rounds_were_disturbed_they_count_and_the_row_says_so() -> None:
    samples = [sample("picloud", 1, 50.0), sample("starlette", 1, 100.0, disturbed=True)]
    (row,) = throughput.rows(samples)
    assert row.value == 0.5
    assert "disturbed by other load" in row.note


def test_latency_is_a_difference_in_milliseconds() -> None:
    samples = [
        sample("picloud", 1, 0.000_31, what="latency"),
        sample("starlette", 1, 0.000_03, what="latency"),
    ]
    (row,) = throughput.rows(samples)
    assert row.promise.key == "latency"
    assert row.value == pytest.approx(0.28)
    assert row.met is False


def test_rivals_alone_make_no_rows() -> None:
    assert throughput.rows([sample("fastapi", 1, 1.0), sample("starlette", 1, 1.0)]) == []
