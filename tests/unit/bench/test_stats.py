"""The statistics of the bench."""

import pytest

from picloud.bench import stats


def test_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    assert stats.median([4.0, 1.0, 3.0, 2.0]) == 2.5


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)]
)
def test_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert stats.percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_percentile_of_one_value_is_that_value() -> None:
    assert stats.percentile([7.0], 0.95) == 7.0


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs values"):
        stats.percentile([], 0.5)
