"""Servers for tests of fetches: they answer as told, byte by byte, and remember what they got."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """What a server was asked."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for other, value in self.headers if other.lower() == name]


@dataclass
class Web:
    """A running server; `answers` by path, all others get `ok`."""

    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, data: bytes) -> None:
        """Answer this path with exactly these bytes."""

        async def write(_: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(data)

        self.answers[path] = write

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        """Answer this path with a redirect."""
        self.answer(path, reply(b"", f"{status} Go", f"location: {to}"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                path = request.target.partition("?")[0]
                if answer := self.answers.get(path):
                    await answer(request, writer)
                else:
                    writer.write(reply(b"ok"))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An answer as a well-behaved server writes it."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@asynccontextmanager
async def web(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Web]:
    """A server on a free port of this machine."""
    made = Web()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await made.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    pairs = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
    headers = [(name, value) for name, value in pairs]
    request = Request(method, target, headers, b"")
    length = request.values("content-length")
    if length:
        request.body = await reader.readexactly(int(length[0]))
    return request
