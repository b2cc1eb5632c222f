"""Where a request came from: what our own front door says, else the peer itself."""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.requests import HTTPConnection

from picloud.domain.user import Client

UNKNOWN: Final = "unknown"
MAX_AGENT: Final = 200  # characters


def client_of(connection: HTTPConnection) -> Client:
    """The client of a request.

    Caddy drops what a client says of forwarding and sets `X-Forwarded-For` itself. It comes by a
    unix socket, or from the same machine: nobody else is believed.
    """
    peer = _address(connection.client.host if connection.client else "")
    if peer is None or ipaddress.ip_address(peer).is_loopback:
        peer = _address(connection.headers.get("x-forwarded-for", "").rpartition(",")[2]) or peer
    agent = connection.headers.get("user-agent", "")[:MAX_AGENT]
    return Client(
        address=peer or UNKNOWN,
        agent="".join(character if character.isprintable() else " " for character in agent),
    )


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return None
