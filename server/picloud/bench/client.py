"""A plain keep-alive HTTP/1.1 client on a raw socket: one request at a time, exactly timed."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

RECEIVE: Final = 262_144
TIMEOUT: Final = 60.0  # seconds


class ConnectionEndedError(Exception):
    """The server closed the connection in the middle of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def request_bytes(method: str, path: str, host: str, body: bytes = b"") -> bytes:
    """The whole request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: */*"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection:
    """One connection to a server."""

    def __init__(self, host: str, port: int, *, timeout: float = TIMEOUT) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> Answer:
        """Send a request and read its whole answer."""
        self._socket.sendall(request)
        return self._read()

    def times(self, request: bytes, count: int) -> list[float]:
        """Ask `count` times, one after the other; how long each took, in seconds."""
        taken = []
        for _ in range(count):
            start = time.perf_counter_ns()
            answer = self.ask(request)
            taken.append((time.perf_counter_ns() - start) / 1e9)
            if answer.status != 200:
                raise ConnectionError(f"the answer was {answer.status}")
        return taken

    def _read(self) -> Answer:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        status, headers = parse_head(data[:end])
        data = data[end + 4 :]
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, self._rest = self._read_chunks(data)
            return Answer(status=status, headers=headers, body=body)
        length = 0 if status == 204 else int(headers["content-length"])
        while len(data) < length:
            data += self._more()
        self._rest = data[length:]
        return Answer(status=status, headers=headers, body=data[:length])

    def _read_chunks(self, data: bytes) -> tuple[bytes, bytes]:
        parts = []
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data += self._more()
            size = int(data[:end].split(b";")[0], 16)
            whole = end + 2 + size + 2
            while len(data) < whole:
                data += self._more()
            parts.append(data[end + 2 : end + 2 + size])
            data = data[whole:]
            if size == 0:
                return b"".join(parts), data

    def _more(self) -> bytes:
        data = self._socket.recv(RECEIVE)
        if not data:
            raise ConnectionEndedError("the server closed the connection")
        return data


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers (lower-case names) of an answer."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}


def fetch(host: str, port: int, request: bytes, *, timeout: float = TIMEOUT) -> Answer:
    """One request on a connection of its own."""
    with Connection(host, port, timeout=timeout) as connection:
        return connection.ask(request)
