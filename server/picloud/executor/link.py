"""The executor's end of the socket to one sandbox (docs/link.md).

Everything that arrives is hostile input: the first frame out of order ends the link, and with it
the sandbox, and nothing else.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, Protocol, TypeVar, cast

import msgspec

from picloud.domain.invocation import Outcome
from picloud.errors import PlatformError
from picloud.executor import frames

MAX_LOG_TEXT: Final = 256 * 1024  # bytes of one record; the guest cuts lines far below
MAX_CREDIT: Final = 64 * 1024 * 1024  # no honest sandbox grants more
GRANT_AT: Final = frames.INITIAL_WINDOW // 2  # taken body bytes after which credit is renewed
_SOCKET_BUFFER: Final = 1024 * 1024
_T = TypeVar("_T")

_FAILURES: Final = {
    "script_error": Outcome.SCRIPT_ERROR,
    "out_of_memory": Outcome.OUT_OF_MEMORY,
    "cancelled": Outcome.CANCELLED,
    "platform_error": Outcome.PLATFORM_ERROR,
}


class LinkError(PlatformError):
    """The sandbox broke the link's protocol."""

    code = "link_broken"


class InvocationFailed(Exception):  # noqa: N818 - an outcome of the script, not an error of ours
    """An invocation ended without a whole answer."""

    def __init__(self, outcome: Outcome, code: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.code = code
        self.message = message


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox says first."""

    protocol: tuple[int, int]
    runtime: str
    node: str
    boot: str
    boot_ms: float = 0


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox has imported its version."""

    entry_points: list[str]
    kind: str
    import_ms: float = 0


class SourceFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a source was refused; line and column count from 1."""

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    text: str | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox found in a source without running it."""

    ok: bool
    entry_points: list[str] = []
    kind: str = ""
    error: SourceFault | None = None


class _Failure(msgspec.Struct, frozen=True, kw_only=True):
    outcome: str
    code: str
    message: str


class LogSink(Protocol):
    """Takes the log records of a link."""

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        """One LOG payload; `exchange` is None for output of the import."""


class LinkOwner(LogSink, Protocol):
    """Who is told what happens on a link."""

    def exchange_ended(self, exchange: Exchange) -> None:
        """The sandbox is done with this invocation, whatever became of it."""


class Exchange:
    """One invocation on a link: a request going in, an answer or a failure coming out.

    `response` is the payload of the answer's head and first body bytes, or InvocationFailed.
    Until the sandbox has surely started it, an exchange may be started again on another link.
    """

    __slots__ = (
        "_chunks",
        "_credit",
        "_credit_waiter",
        "_link",
        "_taken",
        "_waiter",
        "abandoned",
        "body",
        "cancelled",
        "ended",
        "failure",
        "head",
        "response",
        "started",
        "stream",
        "streamed",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, head: bytes, body: bytes) -> None:
        self.head = head
        self.body = body
        self.response: asyncio.Future[bytes] = loop.create_future()
        self.abandoned = False
        self.failure: InvocationFailed | None = None
        self.started = 0.0
        self.stream = 0
        self.ended = False
        self.streamed = False
        self.cancelled = False
        self._chunks: deque[bytes] | None = None
        self._credit_waiter: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def attach(self, link: Link, stream: int, now: float) -> None:
        """Begin on a link, or begin again on another one."""
        self._link = link
        self.stream = stream
        self.started = now
        self._credit = frames.INITIAL_WINDOW
        self._taken = 0

    async def send_rest(self, body: memoryview) -> None:
        """Send the body that did not go with INVOKE, as fast as the sandbox takes it."""
        while body and not self.ended:
            if self._credit == 0:
                self._credit_waiter = self._link.loop.create_future()
                await self._credit_waiter
                continue
            part = body[: min(self._credit, frames.INITIAL_WINDOW)]
            body = body[len(part) :]
            self._credit -= len(part)
            self._link.write(
                frames.encode(frames.DATA, 0 if body else frames.END, self.stream, bytes(part))
            )

    async def chunks(self) -> AsyncIterator[bytes]:
        """The streamed rest of the answer. Raises InvocationFailed when it breaks off."""
        chunks = self._chunks = self._chunks or deque()
        while True:
            while chunks:
                chunk = chunks.popleft()
                yield chunk
                self._renew(len(chunk))
            if self.failure is not None:
                raise self.failure
            if self.ended:
                return
            self._waiter = self._link.loop.create_future()
            await self._waiter

    def cancel(self) -> None:
        """Ask the sandbox to stop; it stays open until the sandbox has answered."""
        if not self.ended and not self.cancelled:
            self.cancelled = True
            self._link.write(frames.encode(frames.CANCEL, 0, self.stream, b""))

    def fail(self, failure: InvocationFailed) -> None:
        """End with a failure: the caller, waiting for head or body, gets it."""
        self.ended = True
        self._tell(failure)

    def abandon(self, failure: InvocationFailed) -> None:
        """Tell the caller it failed, though the sandbox has not ended it yet."""
        self.abandoned = True
        self._tell(failure)

    def took_credit(self, credit: int) -> None:
        """The sandbox can take so many more body bytes."""
        self._credit += credit
        if self._credit > MAX_CREDIT:
            raise LinkError("more credit than a window may hold")
        if self._credit_waiter is not None and not self._credit_waiter.done():
            self._credit_waiter.set_result(None)

    def took_response(self, payload: bytes, end: bool) -> None:
        """The answer's head and first body bytes."""
        if self.streamed:
            raise LinkError("a second answer for one invocation")
        self.streamed = True
        self.ended = end
        if not self.response.done():
            self.response.set_result(payload)

    def took_data(self, chunk: bytes, end: bool) -> None:
        """More body of the answer."""
        if not self.streamed:
            raise LinkError("body before head")
        self.ended = end
        if self.abandoned:
            self._renew(len(chunk))
            return
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(chunk)
        if sum(map(len, self._chunks)) > frames.INITIAL_WINDOW * 2:
            raise LinkError("more body than credit")
        self._wake()

    def first_part(self) -> tuple[bytes, memoryview | None]:
        """Split the body into what INVOKE carries and what follows."""
        body = self.body
        if len(body) <= self._credit:
            self._credit -= len(body)
            return body, None
        part = body[: self._credit]
        rest = memoryview(body)[self._credit :]
        self._credit = 0
        return part, rest

    def _tell(self, failure: InvocationFailed) -> None:
        if self.failure is None:
            self.failure = failure
        if not self.response.done():
            self.response.set_exception(failure)
            self.response.exception()  # seen: the caller may have left
        self._wake()

    def _renew(self, taken: int) -> None:
        self._taken += taken
        if self._taken >= GRANT_AT and not self.ended:
            self._link.write(frames.encode_window(self.stream, self._taken))
            self._taken = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.ended and self._credit_waiter is not None and not self._credit_waiter.done():
            self._credit_waiter.set_result(None)


class _Nobody:
    """Owner of a link whose sandbox is still blank."""

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        pass

    def exchange_ended(self, exchange: Exchange) -> None:
        pass


class Link(asyncio.Protocol):
    """Frames to and from one sandbox. `open_exchanges` are the invocations it owes an answer."""

    def __init__(self, on_lost: Callable[[BaseException | None], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.owner: LinkOwner = _Nobody()
        self.open_exchanges: dict[int, Exchange] = {}
        self.hello: Hello | None = None
        self._on_lost = on_lost
        self._decoder = frames.Decoder()
        self._transport: asyncio.Transport | None = None
        self._next_stream = 1
        self._reply_stream = 0
        # HELLO may arrive before anybody asks for it
        self._reply: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()
        self._fault: LinkError | None = None
        self.lost = False

    # -- what the executor does ------------------------------------------------------------

    async def handshake(self, seconds: float) -> Hello:
        """Wait for HELLO and answer it. Raises LinkError, TimeoutError."""
        async with asyncio.timeout(seconds):
            kind, payload = await self._reply
        if kind != frames.HELLO:
            raise LinkError("the first frame was not HELLO")
        hello = _decode(payload, Hello)
        low, high = hello.protocol
        if not low <= frames.PROTOCOL <= high:
            raise LinkError(
                f"the sandbox speaks protocol {low} to {high}, this node {frames.PROTOCOL}"
            )
        self.write(frames.encode_json(frames.HELLO, 0, 0, {"protocol": frames.PROTOCOL}))
        self.hello = hello
        return hello

    async def bind(self, head: Mapping[str, object], source: bytes, seconds: float) -> Bound:
        """Make the sandbox belong to a version. Raises InvocationFailed when its import fails."""
        frame = frames.encode_bind(head, source)
        kind, payload = await self._ask(frame, stream=0, seconds=seconds)
        if kind == frames.ERROR:
            raise _failure(payload)
        if kind != frames.BOUND:
            raise LinkError("BIND was not answered by BOUND")
        return _decode(payload, Bound)

    async def check(self, source: bytes, seconds: float) -> Checked:
        """Have a source compiled and looked through, without running it."""
        stream = self._next_stream
        self._next_stream = stream + 1
        frame = frames.encode(frames.CHECK, frames.END, stream, source)
        kind, payload = await self._ask(frame, stream=stream, seconds=seconds)
        if kind != frames.CHECKED:
            raise LinkError("CHECK was not answered by CHECKED")
        return _decode(payload, Checked)

    def start(self, exchange: Exchange, now: float) -> None:
        """Start an invocation; the answer arrives at the exchange."""
        stream = self._next_stream
        self._next_stream = stream + 1
        exchange.attach(self, stream, now)
        self.open_exchanges[stream] = exchange
        part, rest = exchange.first_part()
        self.write(frames.encode_invoke(stream, exchange.head, part, rest is None))
        if rest is not None:
            task = self.loop.create_task(exchange.send_rest(rest))
            exchange.response.add_done_callback(lambda _: task.cancel())

    def retire(self) -> None:
        """Ask the sandbox to end when it is idle."""
        if not self.lost:
            self.write(frames.encode(frames.RETIRE, frames.END, 0, b""))

    def close(self) -> None:
        """Drop the socket; a healthy sandbox ends by itself then."""
        if self._transport is not None:
            self._transport.abort()

    def write(self, frame: bytes) -> None:
        """Queue a frame; the loop sends all frames of one turn together."""
        if self._transport is not None and not self.lost:
            self._transport.write(frame)

    # -- what arrives ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for kind, flags, stream, payload in self._decoder.feed(data):
                if kind == frames.RESPONSE:
                    exchange = self.open_exchanges[stream]
                    exchange.took_response(payload, flags & frames.END != 0)
                    if exchange.ended:
                        del self.open_exchanges[stream]
                        self.owner.exchange_ended(exchange)
                else:
                    self._took(kind, flags, stream, payload)
        except KeyError:
            self._break(LinkError("an answer for an invocation that is not running"))
        except LinkError as error:
            self._break(error)
        except frames.ProtocolError as error:
            self._break(LinkError(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        error = self._fault or exc
        if not self._reply.done():
            self._reply.set_exception(self._fault or LinkError("the sandbox ended"))
        self._on_lost(error)

    def _took(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.LOG:
            self._took_log(stream, payload)
        elif kind == frames.DATA:
            exchange = self.open_exchanges[stream]
            exchange.took_data(payload, flags & frames.END != 0)
            self._if_ended(exchange)
        elif kind == frames.WINDOW:
            if stream in self.open_exchanges:
                self.open_exchanges[stream].took_credit(frames.decode_window(payload))
        elif kind == frames.ERROR and stream != 0:
            exchange = self.open_exchanges[stream]
            exchange.fail(_failure(payload))
            self._if_ended(exchange)
        elif stream == self._reply_stream:
            if not self._reply.done():
                self._reply.set_result((kind, payload))
            self._reply_stream = -1
        else:
            raise LinkError(f"an unexpected frame of type {kind}")

    def _took_log(self, stream: int, payload: bytes) -> None:
        if len(payload) > MAX_LOG_TEXT:
            raise LinkError("a log record of an impossible size")
        if stream == 0:
            self.owner.log(None, payload)
        elif (exchange := self.open_exchanges.get(stream)) is not None:
            self.owner.log(exchange, payload)
        elif stream >= self._next_stream:
            raise LinkError("a log record of an invocation that never was")

    def _if_ended(self, exchange: Exchange) -> None:
        if exchange.ended:
            del self.open_exchanges[exchange.stream]
            self.owner.exchange_ended(exchange)

    async def _ask(self, frame: bytes, *, stream: int, seconds: float) -> tuple[int, bytes]:
        if self.lost:
            raise self._fault or LinkError("the sandbox ended")
        reply: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()
        self._reply, self._reply_stream = reply, stream
        self.write(frame)
        async with asyncio.timeout(seconds):
            return await reply

    def _break(self, error: LinkError) -> None:
        self._fault = error
        self.close()


async def connect(
    sock: socket.socket,
    *,
    on_lost: Callable[[BaseException | None], None],
    timeout: float = 15.0,  # noqa: ASYNC109 - part of the handshake's contract
) -> Link:
    """Open the link over our end of the socket pair and shake hands. Raises LinkError."""
    sock.setblocking(False)
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
    loop = asyncio.get_running_loop()
    _, link = await loop.create_unix_connection(lambda: Link(on_lost), sock=sock)
    try:
        await link.handshake(timeout)
    except BaseException:
        link.close()
        raise
    return link


def _decode(payload: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LinkError(f"an unreadable {kind.__name__}: {error}") from None


def _failure(payload: bytes) -> InvocationFailed:
    failure = _decode(payload, _Failure)
    if failure.outcome not in _FAILURES:
        raise LinkError(f"an unknown outcome: {failure.outcome[:40]!r}")
    return InvocationFailed(_FAILURES[failure.outcome], failure.code[:64], failure.message[:4096])
