"""What a hostile sandbox sends ends its own link and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from picloud.domain.invocation import Outcome
from picloud.executor import frames
from picloud.executor.exchange import Exchange
from picloud.executor.link import Link, connect
from picloud.executor.messages import InvocationFailed, LinkError

HELLO = {"protocol": [1, 1], "runtime": "r", "node": "n", "boot": "full", "boot_ms": 1}


RAISED = {"outcome": "script_error", "code": "script_raised", "message": "m"}


class Box:
    """The other end of a link, played by the test."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.loop = asyncio.get_running_loop()

    async def send(self, *parts: bytes) -> None:
        await self.loop.sock_sendall(self.sock, b"".join(parts))

    async def read(self) -> bytes:
        return await self.loop.sock_recv(self.sock, 1 << 20)


class Owner:
    def __init__(self) -> None:
        self.ended: list[int] = []
        self.logs: list[tuple[int, bytes]] = []

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        self.logs.append((exchange.stream if exchange else 0, payload))

    def exchange_ended(self, exchange: Exchange) -> None:
        self.ended.append(exchange.stream)


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Link, Box, Owner, asyncio.Future[BaseException | None]]]:
    ours, theirs = socket.socketpair()
    box, owner = Box(theirs), Owner()
    lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    await box.send(frames.encode_json(frames.HELLO, 0, 0, HELLO))
    link = await connect(ours, on_lost=lost.set_result)
    link.owner = owner
    await box.read()
    try:
        yield link, box, owner, lost
    finally:
        link.close()
        theirs.close()


def begin(link: Link, body: bytes = b"") -> Exchange:
    exchange = Exchange(link.loop, b"head", body)
    link.start(exchange, 0.0)
    return exchange


def response(stream: int, body: bytes = b"", end: bool = True) -> bytes:
    return frames.encode_response(stream, b"200", body, end)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "an answer nobody asked for": lambda stream: response(stream + 1),
    "a second answer": lambda stream: response(stream) + response(stream),
    "a second head": lambda stream: response(stream, end=False) * 2,
    "body before head": lambda stream: frames.encode(frames.DATA, 0, stream, b"x"),
    "body for nobody": lambda stream: frames.encode(frames.DATA, 0, stream + 7, b"x"),
    "more body than credit": lambda stream: (
        response(stream, end=False) + frames.encode(frames.DATA, 0, stream, b"x" * 200_000) * 4
    ),
    "endless credit": lambda stream: frames.encode_window(stream, 2**32 - 1),
    "an error that is no JSON": lambda stream: frames.encode(frames.ERROR, 1, stream, b"{"),
    "an unknown outcome": lambda stream: frames.encode_json(
        frames.ERROR, 1, stream, {"outcome": "ok", "code": "x", "message": "y"}
    ),
    "a log of the future": lambda stream: frames.encode_log(stream + 9, 20, 1, 0, "x"),
    "a frame of an unknown type": lambda stream: b"\0\0\0\0\x63\0\0\0\0\0\0\0",
    "an endless frame": lambda stream: b"\xff\xff\xff\xff\x05\0\0\0\0\0\0\0",
    "an unasked bound": lambda stream: frames.encode_json(frames.BOUND, 0, 0, {"kind": "sync"}),
    "an executor's frame": lambda stream: frames.encode(frames.INVOKE, 1, stream, b"x"),
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_frame_out_of_order_costs_the_sandbox_its_link(what: str) -> None:
    async with linked() as (link, box, _, lost):
        exchange = begin(link)
        with contextlib.suppress(BrokenPipeError):  # refused before it was all sent
            await box.send(HOSTILE[what](exchange.stream))
        assert isinstance(await asyncio.wait_for(lost, 5), LinkError)
        assert link.lost


async def test_answers_in_any_cut_of_the_stream_reach_their_invocations() -> None:
    async with linked() as (link, box, owner, _):
        exchanges = [begin(link) for _ in range(3)]
        for byte in b"".join(response(each.stream, b"%d" % each.stream) for each in exchanges):
            await box.send(bytes([byte]))
            await asyncio.sleep(0)
        payloads = [await each.response for each in exchanges]
        assert [frames.split_head(each) for each in payloads] == [
            (b"200", b"1"),
            (b"200", b"2"),
            (b"200", b"3"),
        ]
        assert owner.ended == [1, 2, 3]


async def test_a_long_body_waits_for_the_sandboxs_credit() -> None:
    async with linked() as (link, box, _, lost):
        body = bytes(range(256)) * 4096
        begin(link, body)
        decoder, got, size = frames.Decoder(), [], 0
        while size < frames.INITIAL_WINDOW:
            for kind, _, _, payload in decoder.feed(await box.read()):
                part = frames.split_head(payload)[1] if kind == frames.INVOKE else payload
                got.append(part)
                size += len(part)
        assert size == frames.INITIAL_WINDOW
        await box.send(frames.encode_window(1, len(body)))
        while size < len(body):
            for _, _, _, payload in decoder.feed(await box.read()):
                got.append(payload)
                size += len(payload)
        assert b"".join(got) == body
        assert not lost.done()


async def test_a_streamed_answer_renews_credit_as_it_is_taken() -> None:
    async with linked() as (link, box, _, _lost):
        exchange = begin(link)
        await box.read()
        part = b"x" * 65_536
        await box.send(response(1, part, end=False))
        await exchange.response
        await box.send(*(frames.encode(frames.DATA, 0, 1, part) for _ in range(3)))
        chunks = exchange.chunks()
        for _ in range(3):
            assert await anext(chunks) == part
        credits = [
            frames.decode_window(payload)
            for kind, _, _, payload in frames.Decoder().feed(await box.read())
            if kind == frames.WINDOW
        ]
        assert sum(credits) >= 131_072
        await box.send(frames.encode(frames.DATA, frames.END, 1, b"last"))
        assert [chunk async for chunk in chunks] == [b"last"]


async def test_a_stream_that_ends_before_anybody_reads_it_is_not_lost() -> None:
    async with linked() as (link, box, owner, _):
        exchange = begin(link)
        await box.send(
            response(1, b"a", end=False),
            frames.encode(frames.DATA, 0, 1, b"b"),
            frames.encode(frames.DATA, frames.END, 1, b"c"),
        )
        assert frames.split_head(await exchange.response)[1] == b"a"
        assert not exchange.whole
        assert [chunk async for chunk in exchange.chunks()] == [b"b", b"c"]
        assert owner.ended == [1]


async def test_a_failure_in_the_middle_reaches_who_reads_the_body() -> None:
    async with linked() as (link, box, owner, _):
        exchange = begin(link)
        await box.send(
            response(1, b"a", end=False),
            frames.encode_json(
                frames.ERROR,
                1,
                1,
                {"outcome": "script_error", "code": "script_raised", "message": "m"},
            ),
        )
        await exchange.response
        with pytest.raises(InvocationFailed) as caught:
            _ = [chunk async for chunk in exchange.chunks()]
        assert caught.value.outcome is Outcome.SCRIPT_ERROR
        assert owner.ended == [1]


async def test_who_waits_for_a_reply_learns_that_the_sandbox_ended() -> None:
    async with linked() as (link, box, _, lost):
        waiting = asyncio.ensure_future(link.check(b"source", 5))
        await box.read()
        box.sock.close()
        with pytest.raises(LinkError):
            await waiting
        await lost


@pytest.mark.parametrize("first", [b"\0" * 12, frames.encode_json(frames.BOUND, 0, 0, {})])
async def test_a_sandbox_that_does_not_begin_with_hello_is_refused(first: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(first)
        with pytest.raises(LinkError):
            await connect(ours, on_lost=lambda _: None)


async def test_a_sandbox_of_another_protocol_is_refused_by_number() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(frames.encode_json(frames.HELLO, 0, 0, {**HELLO, "protocol": [2, 3]}))
        with pytest.raises(LinkError, match="protocol 2 to 3, this node 1"):
            await connect(ours, on_lost=lambda _: None)
