"""The head of a request, read once: what the node needs of it, and what a script may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from picloud.orchestrator.refusals import MOST_HOPS

SESSION_COOKIES: Final = (b"picloud_", b"__Host-picloud_")
SESSION_TOKEN: Final = (b"__Host-picloud_session", b"picloud_session")
AUTH_HEADER: Final = b"picloud-auth"  # what the node says of who calls
_WATCHED: Final = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"cookie",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"upgrade",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"expect",
        b"picloud-hops",
        AUTH_HEADER,  # nobody but us may say it
        b"picloud-token",  # no script may see it
    )
)
_DROPPED: Final = _WATCHED - {b"host", b"content-length", b"cookie"}


class RequestHead:
    """What one pass over the headers finds."""

    __slots__ = ("forwarded_for", "has_body", "hops", "host", "length", "lines", "proto")

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.host = b""
        self.length = 0
        self.has_body = False
        self.hops = 0
        self.forwarded_for = b""
        self.proto = "http"
        self.lines: list[bytes] = []
        lines = self.lines
        for name, value in headers:
            if name in _WATCHED:
                self._watched(name, value)
                if name in _DROPPED:
                    continue
                if name == b"cookie" and not (value := own_cookies(value)):
                    continue
            lines.append(name + b":" + value)

    def _watched(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self.host = value
        elif name == b"content-length":
            self.length = int(value)
            self.has_body = self.length > 0
        elif name == b"transfer-encoding":
            self.has_body = True
        elif name == b"x-forwarded-for":
            self.forwarded_for = value
        elif name == b"x-forwarded-proto":
            self.proto = value.decode("latin-1")
        elif name == b"picloud-hops":
            self.hops = int(value) if value.isdigit() and len(value) < 4 else MOST_HOPS


def own_cookies(value: bytes) -> bytes:
    """A Cookie header without the platform's own cookies: a script never sees those."""
    kept = [part for part in value.split(b";") if not part.strip().startswith(SESSION_COOKIES)]
    return b";".join(kept).strip()


def client_address(scope: Mapping[str, Any], request: RequestHead) -> str:
    """The caller's address: from Caddy when it is the peer (a unix socket), else the peer's."""
    client = scope.get("client")
    if client is not None and client[0]:
        return str(client[0])
    return request.forwarded_for.decode("latin-1")


def session_token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The platform's session of a browser; a cookie that only this host can set goes first."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"cookie":
            for part in value.split(b";"):
                key, _, cookie = part.strip().partition(b"=")
                found.setdefault(key, cookie)
    cookie = next((found[name] for name in SESSION_TOKEN if name in found), b"")
    return cookie.decode("latin-1") or None
