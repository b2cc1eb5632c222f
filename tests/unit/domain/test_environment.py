"""Names, values and hints of what an app gives to its scripts."""

from __future__ import annotations

import pytest

from picloud.domain.environment import NamedValue, hint_of, name_faults, total_faults, value_faults


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("", None),
        ("short", None),
        ("fifteen letters", None),
        ("sixteen letters!", "ers!"),
        ("-----BEGIN KEY-----\nabcd\n-----END KEY-----\n", "----"),
        ("0123456789abcd\x1b[", None),
        ("0123456789abcdef" + "\n" * 3, "cdef"),
    ],
)
def test_a_hint_is_given_of_long_values_whose_end_can_be_shown(
    value: str, hint: str | None
) -> None:
    assert hint_of(value) == hint


def test_a_value_is_in_no_repr() -> None:
    assert "geheim" not in repr(NamedValue("NAME", "geheim"))


def test_a_list_is_bounded_before_it_is_looked_at() -> None:
    [fault] = name_faults(["!"] * 101, place="names")
    assert (fault.field, fault.message) == ("names", "has more than 100 items")


def test_values_may_be_empty_where_that_makes_sense() -> None:
    empty = [NamedValue("A", "")]
    assert value_faults(empty, place="variables") == []
    [fault] = value_faults(empty, place="secrets", allow_empty=False)
    assert (fault.field, fault.message) == ("secrets[0].value", "is empty")


def test_exactly_the_limits_fit() -> None:
    assert total_faults(place="x", count=100, size=65_536) == []
    assert len(total_faults(place="x", count=101, size=65_537)) == 2
