"""What stands where `http.client` has a socket: it takes a request and gives an answer."""

from __future__ import annotations

import io
from typing import Any

from _picloud.calls import CallError
from _picloud.fetching import Answer, Header, Request

_FRAMING = ("content-length", "transfer-encoding", "connection")


class Wire:
    """Collects what is sent; whoever reads gets the answer to it."""

    def __init__(self, scheme: str, host: str, port: int, timeout: object) -> None:
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        self._origin = f"{scheme}://{shown}:{port}"
        self._sent = bytearray()
        self.settimeout(timeout)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Take a part of the request."""
        self._sent += data

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BytesIO:
        """Send the request; the answer as a server would write it. Raises OSError."""
        sent, self._sent = bytes(self._sent), bytearray()
        try:
            request = _parsed(sent, self._origin)
            request.timeout = self._timeout
            return io.BytesIO(_written(request.send()))
        except CallError as error:
            kind = TimeoutError if "timeout" in error.code else ConnectionError
            raise kind(f"{error.code}: {error.message}") from None

    def settimeout(self, timeout: object) -> None:
        """Seconds for a whole answer."""
        self._timeout = timeout if isinstance(timeout, int | float) else None

    def setsockopt(self, *_: Any) -> None:
        """There is nothing to set."""

    def shutdown(self, how: int) -> None:
        """There is nothing to shut."""

    def close(self) -> None:
        """There is nothing to close."""


def _parsed(sent: bytes, origin: str) -> Request:
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers: list[Header] = []
    chunked = False
    for line in lines:
        name, _, value = line.partition(":")
        chunked = chunked or (name.lower() == "transfer-encoding" and "chunked" in value.lower())
        headers.append((name, value.strip()))
    url = target if "://" in target else origin + target
    return Request(method, url, headers, _unchunked(body) if chunked else body)


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size_line, _, body = body.partition(b"\r\n")
        size = int(size_line.partition(b";")[0], 16)
        if size == 0:
            break
        parts.append(body[:size])
        body = body[size + 2 :]
    return b"".join(parts)


def _written(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    has_length = False
    for name, value in answer.headers:
        if name.lower() == "content-length" and not answer.body:
            has_length = True  # of an answer to HEAD, which has no body
        elif name.lower() in _FRAMING:
            continue
        lines.append(f"{name}: {value}")
    if not has_length:
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + answer.body
