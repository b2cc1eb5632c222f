"""What stands where `http.client` has a socket: it takes a request and gives an answer."""

from __future__ import annotations

import io
from typing import Any

from _picloud.calls import CallError
from _picloud.fetching import Answer, Header, Request

_FRAMING = ("content-length", "transfer-encoding", "connection")


class Wire:
    """Collects a request, sends it, and gives the answer to whoever reads.

    An eager one sends a request as soon as it is whole; another when its answer is wanted, for
    clients that set the timeout of their reading in between.
    """

    def __init__(
        self, scheme: str, host: str, port: int, timeout: object, *, eager: bool = True
    ) -> None:
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        self._origin = f"{scheme}://{shown}:{port}"
        self._eager = eager
        self._sent = bytearray()
        self._answer = b""
        self.settimeout(timeout)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Take a part of the request. Raises OSError, as `makefile`, if that sends it."""
        self._sent += data
        if self._eager and _is_whole(self._sent):
            self._send()

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BytesIO:
        """The answer as a server would write it. Raises OSError when there is none."""
        if self._sent:
            self._send()
        return io.BytesIO(self._answer)

    def _send(self) -> None:
        sent, self._sent = bytes(self._sent), bytearray()
        request = _parsed(sent, self._origin)
        request.timeout = self._timeout
        try:
            self._answer = _written(request.send())
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


def _is_whole(sent: bytearray) -> bool:
    head, ended, body = sent.partition(b"\r\n\r\n")
    if not ended:
        return False
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
        if name == b"transfer-encoding" and b"chunked" in value:
            return body.endswith(b"0\r\n\r\n")
    return True


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
