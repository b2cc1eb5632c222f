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
from picloud.executor.link import FRAMES_A_TURN, Link, connect
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
    "credit for a body that was sent whole": lambda stream: frames.encode_window(stream, 1),
    "credit of nothing": lambda stream: frames.encode_window(stream, 0),
    "credit for nobody": lambda stream: frames.encode_window(stream + 7, 1),
    "an answer after an error": lambda stream: (
        frames.encode_json(frames.ERROR, 1, stream, RAISED) + response(stream)
    ),
    "body after the end": lambda stream: response(stream) + frames.encode(frames.DATA, 1, stream),
    "credit after the end": lambda stream: response(stream) + frames.encode_window(stream, 1),
    "a log record after the end": lambda stream: (
        response(stream) + frames.encode_log(stream, 20, 1, 0, "late")
    ),
    "body without a byte": lambda stream: (
        response(stream, end=False) + frames.encode(frames.DATA, 0, stream)
    ),
    "a log record larger than a line": lambda stream: frames.encode_log(
        stream, 20, 1, 0, "x" * 300_000
    ),
    "an unasked check": lambda stream: frames.encode_json(frames.CHECKED, 1, stream, {"ok": True}),
    "a second hello": lambda stream: frames.encode_json(frames.HELLO, 0, 0, HELLO),
    "an error of nobody": lambda stream: frames.encode_json(frames.ERROR, 1, 0, RAISED),
    "an error with NaN": lambda stream: frames.encode(
        frames.ERROR, 1, stream, b'{"outcome": "script_error", "code": NaN, "message": ""}'
    ),
    "an error that is too deep": lambda stream: frames.encode(
        frames.ERROR, 1, stream, b'{"x":' + b"[" * 1_000_000
    ),
    "an error that is no UTF-8": lambda stream: frames.encode(
        frames.ERROR, 1, stream, b'{"outcome": "script_error", "code": "a", "message": "\xff"}'
    ),
    "an error with a code of its own making": lambda stream: frames.encode_json(
        frames.ERROR, 1, stream, {**RAISED, "code": "a\0b"}
    ),
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


async def test_an_answer_whose_head_can_not_be_read_has_not_begun() -> None:
    async with linked() as (link, box, _, lost):
        exchange = begin(link)
        await box.send(frames.encode(frames.RESPONSE, 0, exchange.stream, b"zzzzz"))
        assert isinstance(await asyncio.wait_for(lost, 5), LinkError)
        assert not exchange.streamed


async def test_a_number_without_end_and_double_keys_are_read_as_json_says() -> None:
    async with linked() as (link, box, _, lost):
        exchange = begin(link)
        digits = b"9" * 100_000
        await box.send(
            frames.encode(
                frames.ERROR,
                1,
                exchange.stream,
                b'{"x":%b,"code":"a","code":"b","message":"m\\u0000","outcome":"script_error"}'
                % digits,
            )
        )
        with pytest.raises(InvocationFailed) as caught:
            await exchange.response
        assert (caught.value.code, caught.value.message) == ("b", "m\ufffd")
        assert not lost.done()


async def test_a_frame_that_is_never_whole_costs_an_idle_sandbox_its_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("picloud.executor.link.FRAME_SECONDS", 0.05)
    async with linked() as (link, box, _, lost):
        await box.send(response(1)[:7])
        error = await asyncio.wait_for(lost, 5)
        assert "was not whole" in str(error)
        assert link.lost


async def test_a_frame_of_a_running_invocation_may_take_as_long_as_that_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("picloud.executor.link.FRAME_SECONDS", 0.01)
    async with linked() as (link, box, _, lost):
        exchange = begin(link)
        whole = response(exchange.stream, b"late")
        await box.send(whole[:20])
        await asyncio.sleep(0.1)
        await box.send(whole[20:])
        assert frames.split_head(await exchange.response)[1] == b"late"
        assert not lost.done()


async def test_a_sandbox_that_floods_its_link_leaves_others_their_turn() -> None:
    async with linked() as (loud, flood, loud_owner, lost), linked() as (quiet, box, _, _):
        begin(loud)
        record, sent = frames.encode_log(1, 20, 1, 0, ""), 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += flood.sock.send(record * 100)
        assert sent > 1000 * len(record)
        exchange = begin(quiet)
        box.sock.send(response(exchange.stream))
        await exchange.response
        assert 0 < len(loud_owner.logs) <= 10 * FRAMES_A_TURN
        async with asyncio.timeout(10):
            while len(loud_owner.logs) < sent // len(record):  # noqa: ASYNC110  # no event of a test's
                await asyncio.sleep(0)
        assert not lost.done()


async def test_what_a_sandbox_said_before_it_ended_is_heard() -> None:
    async with linked() as (link, box, owner, lost):
        begin(link)
        records = 20 * FRAMES_A_TURN
        box.sock.setblocking(True)
        box.sock.sendall(frames.encode_log(1, 20, 1, 0, "x") * records)
        box.sock.close()
        await asyncio.wait_for(lost, 5)
        assert len(owner.logs) == records


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
        reading = asyncio.ensure_future(_all(exchange))
        credits, decoder = 0, frames.Decoder()
        while credits < 131_072:
            for kind, _, _, payload in decoder.feed(await box.read()):
                assert kind == frames.WINDOW
                credits += frames.decode_window(payload)
        await box.send(frames.encode(frames.DATA, frames.END, 1, b"last"))
        assert await reading == part * 3 + b"last"


async def _all(exchange: Exchange) -> bytes:
    return b"".join([chunk async for chunk in exchange.chunks()])


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
        assert await _all(exchange) == b"bc"
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
