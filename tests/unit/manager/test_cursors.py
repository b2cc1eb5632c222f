"""Cursors are opaque, and hostile input."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.domain.failures import InvalidInput
from picloud.domain.page import LivePosition
from picloud.manager.graphql import cursors

ALL = (
    cursors.BY_NAME,
    cursors.BY_NUMBER,
    cursors.BY_NODE,
    cursors.BY_ID,
    cursors.BY_TIME,
    cursors.LIVE_LOG,
    cursors.LIVE_INVOCATIONS,
)


@given(micros=st.integers(0, 2**52), node=st.integers(1, 2**15 - 1), seq=st.integers(0, 2**63 - 1))
def test_a_time_comes_back_to_the_microsecond(micros: int, node: int, seq: int) -> None:
    key = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros), node, seq)
    assert cursors.BY_TIME.decode(cursors.BY_TIME.encode(key), field="after") == key


@given(st.dictionaries(st.integers(0, 2**15 - 1), st.integers(0, 2**63 - 1), max_size=20))
def test_a_live_position_comes_back(seen: dict[int, int]) -> None:
    cursor = cursors.LIVE_LOG.encode(LivePosition(seen))
    found = cursors.LIVE_LOG.decode(cursor, field="after")
    assert found is not None
    assert dict(found.seen) == seen


@given(st.text(max_size=60))
def test_any_other_text_is_invalid_input(text: str) -> None:
    for cursor in ALL:
        with pytest.raises(InvalidInput):
            cursor.decode(text, field="after")


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["time"],
        ["time", 1, 2],
        ["time", 1, 2, 3, 4],
        ["time", "1", 2, 3],
        ["time", True, 2, 3],
        ["time", 1, 2**15, 3],
        ["time", 2**62, 2, 3],
        ["time", -1, 2, 3],
        ["time", 1, 2, 2**63],
        ["live-log", {"x": 1}],
        ["live-log", {"1": -1}],
        ["live-log", {"99999": 1}],
        ["live-log", [1]],
        ["name", 5],
        ["name", "a\0b"],
        ["name", "\ud800"],
        ["id", "x"],
        ["number", 2**31],
        {"kind": "name"},
        5,
        None,
    ],
)
def test_a_forged_cursor_is_invalid_input(parts: object) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()
    for cursor in ALL:
        with pytest.raises(InvalidInput, match="is not a cursor of this list"):
            cursor.decode(forged, field="after")
