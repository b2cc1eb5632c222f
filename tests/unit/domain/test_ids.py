"""UUIDv7 keys."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

from picloud.domain.ids import IdMaker, made_at


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
