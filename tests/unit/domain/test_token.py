"""What a token looks like, and what one may be minted with."""

from __future__ import annotations

import string
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from picloud.domain.token import (
    MAX_LIFETIME,
    Token,
    expiry_faults,
    is_token,
    name_faults,
    new_token,
    scope_faults,
)
from picloud.domain.user import Scope, TokenGrant, with_implied
from support.actors import NOW

ALPHABET = string.ascii_letters + string.digits
SCOPES = st.frozensets(st.sampled_from(Scope))
TOKENS = st.builds(new_token)


def a_grant(scopes: frozenset[Scope], expires_at: datetime | None = None) -> TokenGrant:
    return TokenGrant(id=UUID(int=1), scopes=scopes, expires_at=expires_at)


def test_tokens_differ_and_look_like_tokens() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    for token in tokens:
        assert len(token) == 40
        assert token.startswith("pic_")
        assert is_token(token)


def test_a_known_token_is_one_for_ever() -> None:
    """The checksum is part of what users keep: it never changes."""
    assert is_token("pic_" + "0" * 30 + "0OSTZ7")
    assert not is_token("pic_" + "0" * 30 + "0OSTZ8")


@given(token=TOKENS, at=st.integers(0, 39), character=st.sampled_from(ALPHABET + "_-. é"))
def test_one_changed_character_is_noticed(token: str, at: int, character: str) -> None:
    assume(token[at] != character)
    assert not is_token(token[:at] + character + token[at + 1 :])


@given(token=TOKENS, length=st.integers(0, 39))
def test_a_cut_off_token_is_noticed(token: str, length: int) -> None:
    assert not is_token(token[:length])
    assert not is_token(token[-length:] if length else "")


@given(token=TOKENS, more=st.text(min_size=1, max_size=3))
def test_a_token_with_something_around_it_is_none(token: str, more: str) -> None:
    assert not is_token(token + more)
    assert not is_token(more + token)


@given(token=TOKENS, at=st.integers(4, 38))
def test_two_swapped_characters_are_noticed(token: str, at: int) -> None:
    assume(token[at] != token[at + 1])
    assert not is_token(token[:at] + token[at + 1] + token[at] + token[at + 2 :])


@given(prefix=st.text(ALPHABET + "_", max_size=6), token=TOKENS)
def test_another_prefix_is_none(prefix: str, token: str) -> None:
    assume(prefix != "pic_")
    assert not is_token(prefix + token[4:])


@given(text=st.text(max_size=60))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert not is_token(text)


@given(wanted=SCOPES, held=SCOPES)
def test_a_token_mints_exactly_what_it_has_or_less(
    wanted: frozenset[Scope], held: frozenset[Scope]
) -> None:
    allowed = bool(wanted) and wanted <= with_implied(held)
    assert (scope_faults(wanted, a_grant(held)) == []) == allowed
    assert (scope_faults(wanted, None) == []) == bool(wanted)
    if allowed:
        assert with_implied(wanted) <= with_implied(held)


@given(
    wanted=st.none() | st.integers(-10, 4000),
    limit=st.none() | st.integers(1, 4000),
)
def test_a_token_never_outlives_the_one_that_mints_it(
    wanted: int | None, limit: int | None
) -> None:
    ends = None if wanted is None else NOW + timedelta(days=wanted)
    minter = a_grant(frozenset(Scope), None if limit is None else NOW + timedelta(days=limit))
    faults = expiry_faults(ends, now=NOW, minter=minter)
    if faults == [] and minter.expires_at is not None:
        assert ends is not None
        assert ends <= minter.expires_at
    if faults == [] and ends is not None:
        assert NOW < ends <= NOW + MAX_LIFETIME


def test_a_time_without_a_zone_is_refused_not_guessed() -> None:
    for minter in (None, a_grant(frozenset(Scope), NOW)):
        [fault] = expiry_faults(datetime(2027, 1, 1), now=NOW, minter=minter)
        assert fault.message == "needs a time zone"


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "a\0", "a\n", "x" * 65, "\ud800", "a\u202eb"]
)
def test_a_bad_name_is_refused(name: str) -> None:
    assert [fault.field for fault in name_faults(name)] == ["name"]


@pytest.mark.parametrize("name", ["a", "CI of demo", "é" * 64])
def test_a_good_name_is_taken(name: str) -> None:
    assert name_faults(name) == []


def test_a_use_is_written_down_once_a_minute() -> None:
    def used(at: datetime | None) -> Token:
        return Token(
            id=UUID(int=1),
            user_id=UUID(int=2),
            name="ci",
            scopes=frozenset({Scope.READ}),
            app_id=None,
            script_id=None,
            minted_by=None,
            created_at=NOW,
            expires_at=None,
            last_used_at=at,
        )

    assert used(None).use_is_old(NOW)
    assert not used(NOW - timedelta(seconds=59)).use_is_old(NOW)
    assert used(NOW - timedelta(seconds=60)).use_is_old(NOW)
