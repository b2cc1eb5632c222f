"""A script's answer leaves only as HTTP can carry it and as the platform's origin can bear."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.domain.invocation import Outcome
from picloud.executor.messages import InvocationFailed
from picloud.orchestrator.answers import SANDBOX_PAGE, HeadReader, public_message
from picloud.orchestrator.heads import own_cookies


def test_a_head_is_read_and_the_platforms_own_headers_are_dropped() -> None:
    head = b"201\nContent-Type:text/plain\nconnection:close\ncontent-length:9\nx-a: b"
    assert HeadReader().read(head, own_host=True) == (
        201,
        [(b"content-type", b"text/plain"), (b"x-a", b"b")],
    )


@pytest.mark.parametrize(
    "head",
    [
        b"99",
        b"600",
        b"abc",
        b"",
        b"200\nbad name:x",
        b"200\nx:a\rb",
        b"200\nx:\x00",
        b"200\nnocolon",
    ],
)
def test_what_http_cannot_carry_is_an_invalid_answer(head: bytes) -> None:
    with pytest.raises(InvocationFailed) as caught:
        HeadReader().read(head, own_host=True)
    assert caught.value.code == "answer_invalid"


@given(st.binary(max_size=300))
def test_no_head_breaks_the_reader(head: bytes) -> None:
    with contextlib.suppress(InvocationFailed):
        status, headers = HeadReader().read(head, own_host=False)
        assert 200 <= status <= 599
        assert headers[-1] == SANDBOX_PAGE
        assert not any(b"\r" in part or b"\n" in part for pair in headers for part in pair)


def test_a_script_sets_no_cookie_for_the_platforms_host() -> None:
    head = b"200\nset-cookie:a=b; Domain=example.com; Path=/"
    assert HeadReader().read(head, own_host=False) == (200, [SANDBOX_PAGE])
    assert HeadReader().read(head, own_host=True) == (200, [(b"set-cookie", b"a=b; Path=/")])


def test_a_script_says_what_holds_for_a_host_on_its_own_host_only() -> None:
    head = b'200\nClear-Site-Data:"*"\nstrict-transport-security:max-age=1\nx-a:b'
    reader = HeadReader()
    assert reader.read(head, own_host=False) == (200, [(b"x-a", b"b"), SANDBOX_PAGE])
    own = [name for name, _ in reader.read(head, own_host=True)[1]]
    assert own == [b"clear-site-data", b"strict-transport-security", b"x-a"]


def test_a_script_never_sees_the_platforms_cookies() -> None:
    assert own_cookies(b"picloud_session=x; a=b; __Host-picloud_session=y") == b"a=b"
    assert own_cookies(b"picloud_session=x") == b""


def test_a_caller_never_reads_the_text_of_an_exception() -> None:
    failure = InvocationFailed(Outcome.SCRIPT_ERROR, "script_raised", "ValueError: secret")
    assert "secret" not in public_message(failure)
