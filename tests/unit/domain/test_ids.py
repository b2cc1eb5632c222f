"""UUIDv7 keys."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from picloud.domain.ids import IdMaker, first_id_at, made_at


def test_ids_of_one_maker_only_grow_even_when_the_clock_stands_or_goes_back() -> None:
    ticks = iter([1000] * 5000 + [1] * 5000 + [2000])
    maker = IdMaker(lambda: next(ticks))
    ids = [maker.new() for _ in range(10_001)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_is_a_version_7_uuid_of_its_moment() -> None:
    before = time.time_ns() // 1_000_000
    made = IdMaker().new()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after
    assert made_at(made).tzinfo is UTC
    assert abs((datetime.now(UTC) - made_at(made)).total_seconds()) < 5


@given(
    made=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)),
    bound=st.datetimes(),
)
def test_a_bound_parts_the_ids_made_before_a_time_from_those_after(
    made: datetime, bound: datetime
) -> None:
    made, bound = made.replace(tzinfo=UTC), bound.replace(tzinfo=UTC)
    milliseconds = (made - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    key = IdMaker(lambda: milliseconds).new()
    assert (key > first_id_at(bound)) == (made_at(key) >= bound)
