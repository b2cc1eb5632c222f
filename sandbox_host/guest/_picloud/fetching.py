"""Requests to the outside, as every HTTP client of a script makes them: by the node's broker."""

from __future__ import annotations

import zlib
from typing import Any

from _picloud import calls
from _picloud.calls import CallError

Header = tuple[str, str]

_WINDOWS = {"gzip": 47, "x-gzip": 47, "deflate": 47}  # zlib finds out which of both it is
_RAW = -15
_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding")


class Answer:
    """Status, headers and the decoded body."""

    __slots__ = ("body", "headers", "reason", "status", "url")

    def __init__(self, head: dict[str, Any], body: bytes) -> None:
        self.status: int = head["status"]
        self.reason: str = head["reason"]
        self.url: str = head["url"]
        headers: list[Header] = [(name, value) for name, value in head["headers"]]
        self.headers, self.body = decode(headers, body, head["limit"])

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header, by its name in lower case."""
        return next((v for n, v in self.headers if n.lower() == name), default)


class Request:
    """What is to be sent. `timeout` is in seconds; `redirects` are followed at most."""

    __slots__ = ("body", "headers", "method", "redirects", "timeout", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: list[Header],
        body: bytes = b"",
        *,
        redirects: int = 0,
        timeout: float | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.redirects = redirects
        self.timeout = timeout

    def _head(self) -> dict[str, Any]:
        head: dict[str, Any] = {
            "op": "fetch",
            "method": self.method,
            "url": self.url,
            "headers": self.headers,
            "redirects": self.redirects,
        }
        if self.timeout is not None:
            head["timeout_ms"] = max(1, int(self.timeout * 1000))
        return head

    def send(self) -> Answer:
        """Blocks. Raises CallError."""
        return Answer(*calls.call(self._head(), self.body))

    async def asend(self) -> Answer:
        """As `send`, while other invocations go on."""
        return Answer(*await calls.acall(self._head(), self.body))


def decode(headers: list[Header], body: bytes, limit: int) -> tuple[list[Header], bytes]:
    """Headers and body without gzip or deflate; what else a server used stays as it is."""
    encodings = [v.lower() for n, v in headers if n.lower() == "content-encoding"]
    names = [name.strip() for value in encodings for name in value.split(",")]
    if not body or not names or any(name not in _WINDOWS for name in names):
        return headers, body
    for name in reversed(names):
        body = _inflate(name, body, limit)
    kept = [pair for pair in headers if pair[0].lower() not in _OF_THE_WIRE]
    return [*kept, ("Content-Length", str(len(body)))], body


def _inflate(name: str, body: bytes, limit: int) -> bytes:
    raw = name == "deflate" and not _has_zlib_head(body)
    unpacked = bytearray()
    try:
        while body:
            inflater = zlib.decompressobj(_RAW if raw else _WINDOWS[name])
            unpacked += inflater.decompress(body, limit + 1 - len(unpacked))
            if len(unpacked) > limit:
                message = f"the answer unpacks to more than egress_response_bytes={limit}"
                raise CallError("response_too_large", message)
            if not inflater.eof:
                raise zlib.error("it ends early")
            body = inflater.unused_data  # gzip may have several members
    except zlib.error as error:
        message = f"the answer can't be unpacked: {error}"
        raise CallError("response_invalid", message) from None
    return bytes(unpacked)


def _has_zlib_head(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
