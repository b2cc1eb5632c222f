"""Exact values of secrets are hidden, and nothing else is touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from picloud.domain.redaction import LEAST, MASK, Redactor

WORDS = st.text("abc", min_size=LEAST, max_size=8)


@given(values=st.lists(WORDS, max_size=4), text=st.text("abcd ", max_size=60))
def test_no_value_is_left(values: list[str], text: str) -> None:
    shown = Redactor(values)(text)
    assert not any(value in shown for value in values)


@given(text=st.text(max_size=60))
def test_nothing_else_is_touched(text: str) -> None:
    assert Redactor(["a secret value"])(text) == text.replace("a secret value", MASK)


def test_a_value_that_holds_another_is_hidden_whole() -> None:
    assert Redactor(["key-1", "key-1-long"])("is key-1-long, key-1") == f"is {MASK}, {MASK}"


def test_lines_of_a_long_value_are_hidden_where_they_are_printed_one_by_one() -> None:
    redactor = Redactor(["-----BEGIN-----\nMIIEvgIBADAN\nab\n-----END-----\n"])
    assert redactor("MIIEvgIBADAN") == MASK
    assert redactor("ab") == "ab"


def test_what_surrounds_a_value_does_not_hide_it() -> None:
    assert Redactor([" spaced \n"])("<spaced>") == f"<{MASK}>"


def test_short_values_would_hide_half_of_every_text() -> None:
    redactor = Redactor(["abc", ""])
    assert not redactor
    assert redactor("abc") == "abc"
