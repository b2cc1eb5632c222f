"""The second wall: what Caddy would not let through, sent to a node's own socket."""

from __future__ import annotations

import asyncio

from support.gate import Gated

SMUGGLED = b"GET /x/demo/seen?smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NOTHING = b"0\r\n\r\n"
MALFORMED = [
    b"Content-Length: 5\r\n" + CHUNKED + b"\r\n" + NOTHING,
    CHUNKED + b"Content-Length: 60\r\n\r\n" + NOTHING,
    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    b"Content-Length: 5, 5\r\n\r\nabcde",
    b"Content-Length: +5\r\n\r\nabcde",
    b"Transfer-Encoding: xchunked\r\n\r\n" + NOTHING,
    b"Transfer-Encoding: chunked, identity\r\n\r\n" + NOTHING,
    b"Content-Length : 5\r\n\r\nabcde",
    b"X-A: b\nTransfer-Encoding: chunked\r\n\r\n" + NOTHING,
    CHUNKED + b"\r\n3\nabc\r\n" + NOTHING,
    CHUNKED + b"\r\n-3\r\nabc\r\n" + NOTHING,
    CHUNKED + b"\r\n3 \r\nabc\r\n" + NOTHING,
    CHUNKED + b"\r\n" + b"f" * 40 + b"\r\n",
    b"X-A: a\0b\r\n\r\n",
]


async def answer(gated: Gated, octets: bytes) -> bytes:
    """All that comes back until the node closes, or is silent for a while."""
    reader, writer = await asyncio.open_unix_connection(str(gated.node.socket))
    writer.write(octets)
    found = b""
    try:
        async with asyncio.timeout(3):
            while part := await reader.read(65_536):
                found += part
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    return found


async def test_nothing_behind_a_malformed_request_is_run(gated: Gated) -> None:
    await gated.node.deploy("seen", "def handler(request): return request.raw_query or 'first'")
    head = b"POST /x/demo/seen HTTP/1.1\r\nHost: localhost\r\n"
    good = await answer(gated, head + b"Content-Length: 1\r\n\r\na" + SMUGGLED)
    assert good.count(b"HTTP/1.1 200") == 2  # the control: two good requests are both run
    for fault in MALFORMED:
        found = await answer(gated, head + fault + SMUGGLED)
        assert b"smuggled" not in found, fault
        assert found.count(b"HTTP/1.1 ") <= 1, fault
    assert (await gated.node.client.get("/x/demo/seen")).text == "first"
