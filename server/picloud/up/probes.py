"""One small HTTP request to a child, over TCP or a unix socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

_LIMIT: Final = 1024 * 1024


async def request(
    listen: str, path: str, *, body: object = None, seconds: float = 5
) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of JSON; `OSError` when nobody answers."""
    async with asyncio.timeout(seconds):
        reader, writer = await _connect(listen)
        try:
            writer.write(_head(path, body))
            await writer.drain()
            answer = await reader.read(_LIMIT)
            while chunk := await reader.read(_LIMIT):
                answer += chunk
        finally:
            writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1."):
        raise OSError("not an HTTP answer")
    return int(head.split(b" ", 2)[1]), rest


async def answers(listen: str, path: str) -> bool:
    """Whether a GET gives 200."""
    try:
        status, _ = await request(listen, path)
    except (OSError, ValueError, TimeoutError):
        return False
    return status == 200


async def graphql(listen: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The `data` of a GraphQL operation."""
    document = {"query": query, "variables": variables}
    _, body = await request(listen, "/graphql", body=document, seconds=15)
    start, end = body.find(b"{"), body.rfind(b"}")
    data = json.loads(body[start : end + 1]).get("data")
    return data if isinstance(data, dict) else {}


async def _connect(listen: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if listen.startswith("unix:"):
        return await asyncio.open_unix_connection(listen.removeprefix("unix:"))
    host, _, port = listen.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


def _head(path: str, body: object) -> bytes:
    lines = ["Host: localhost", "Connection: close", "Accept: application/json"]
    if body is None:
        return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()
    content = json.dumps(body).encode()
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode() + content
