"""Who a request is said to come from."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from picloud.manager.client_address import MAX_AGENT, UNKNOWN, client_of


def connection(
    peer: tuple[str, int] | None, headers: dict[str, str] | None = None
) -> HTTPConnection:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return HTTPConnection({"type": "http", "client": peer, "headers": raw})


@pytest.mark.parametrize("peer", [None, ("", 0), ("127.0.0.1", 5), ("::1", 5)])
def test_our_own_front_door_says_who_it_is(peer: tuple[str, int] | None) -> None:
    headers = {"x-forwarded-for": "203.0.113.9"}
    assert client_of(connection(peer, headers)).address == "203.0.113.9"


def test_the_last_hop_counts() -> None:
    headers = {"x-forwarded-for": "198.51.100.1, 2001:DB8::0:1"}
    assert client_of(connection(None, headers)).address == "2001:db8::1"


def test_nobody_else_is_believed() -> None:
    headers = {"x-forwarded-for": "203.0.113.9"}
    assert client_of(connection(("192.0.2.1", 5), headers)).address == "192.0.2.1"


@pytest.mark.parametrize("said", ["", "x", "1.2.3.4:80", "999.1.1.1", "a" * 5000])
def test_what_is_no_address_is_not_recorded(said: str) -> None:
    assert client_of(connection(None, {"x-forwarded-for": said})).address == UNKNOWN


def test_the_agent_is_short_and_printable() -> None:
    agent = client_of(connection(None, {"user-agent": "pic/1\0\x1b[31m" + "x" * 5000})).agent
    assert agent.startswith("pic/1  [31mxxx")
    assert len(agent) == MAX_AGENT
