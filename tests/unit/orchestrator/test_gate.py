"""What the gate does without asking anybody."""

from __future__ import annotations

import pytest

from picloud.orchestrator.gate import client_network
from picloud.orchestrator.heads import RequestHead, session_token


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_an_address_is_counted_with_those_of_its_holder(address: str, network: str) -> None:
    assert client_network(address) == network


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        ([b"a=b; picloud_session=one"], "one"),
        ([b"picloud_session=one; __Host-picloud_session=two"], "two"),
        ([b"picloud_session=one", b"picloud_session=late"], "one"),
        ([b"picloud_session="], None),
        ([b"xpicloud_session=one", b"picloud_sessions=x"], None),
        ([], None),
    ],
)
def test_the_session_is_found_among_cookies(cookies: list[bytes], token: str | None) -> None:
    assert session_token([(b"host", b"x"), *((b"cookie", each) for each in cookies)]) == token


def test_what_only_the_platform_says_never_reaches_a_script() -> None:
    head = RequestHead(
        [
            (b"host", b"localhost"),
            (b"picloud-auth", b"kind=session"),
            (b"picloud-token", b"pic_x"),
            (b"picloud-hops", b"3"),
            (b"x-forwarded-for", b"10.0.0.1"),
            (b"x-forwarded-host", b"evil"),
            (b"x-forwarded-proto", b"https"),
            (b"cookie", b"picloud_session=x"),
            (b"x-a", b"b"),
        ]
    )
    assert head.lines == [b"host:localhost", b"x-a:b"]
