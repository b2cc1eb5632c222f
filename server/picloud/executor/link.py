"""The executor's end of the socket to one sandbox (docs/link.md).

Everything that arrives is hostile input: the first frame out of order ends the link, and with it
the sandbox, and nothing else.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, cast

from picloud.executor import frames
from picloud.executor.calls import Calls
from picloud.executor.exchange import Exchange
from picloud.executor.flow import PausableProtocol
from picloud.executor.messages import (
    Bound,
    Checked,
    Hello,
    LinkError,
    decode,
    decode_checked,
    decode_failure,
)

MAX_LOG_TEXT: Final = 256 * 1024  # bytes of one record; the guest cuts lines far below
FRAMES_TOGETHER: Final = 8
FRAMES_A_TURN: Final = 32  # taken before other sandboxes and callers have their turn
FRAMES_HELD: Final = 1024  # read and not taken yet, above which we stop reading
FRAME_SECONDS: Final = 5.0  # a frame begun by a sandbox that runs nothing must be whole by then
CONGESTED_BYTES: Final = 1024 * 1024  # unsent, above which a sandbox gets no further invocation
NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})
_SOCKET_BUFFER: Final = 1024 * 1024


class LinkOwner(Protocol):
    """Who is told what happens on a link."""

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        """One LOG payload; `exchange` is None for output of the import."""

    def exchange_ended(self, exchange: Exchange) -> None:
        """The sandbox is done with this invocation, whatever became of it."""


class _Nobody:
    """Owner of a link whose sandbox is still blank."""

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        pass

    def exchange_ended(self, exchange: Exchange) -> None:
        pass


class Link(PausableProtocol):
    """Frames to and from one sandbox. `open_exchanges` are the invocations it owes an answer."""

    def __init__(
        self, sock: socket.socket, on_lost: Callable[[BaseException | None], None]
    ) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.calls: Calls | None = None  # of a bound sandbox
        self.owner: LinkOwner = _Nobody()
        self.open_exchanges: dict[int, Exchange] = {}
        self.hello: Hello | None = None
        self._on_lost = on_lost
        self._socket = sock
        self._unsent: list[bytes] = []
        self._in_turn = False
        self._decoder = frames.Decoder()
        self._held: deque[frames.Frame] = deque()
        self._paused = False
        self._stall: asyncio.TimerHandle | None = None
        self._taken = 0  # frames, ever
        self._transport: asyncio.Transport | None = None
        self._next_stream = 1
        self._reply_stream = 0
        # HELLO may arrive before anybody asks for it
        self._reply: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()
        self.fault: LinkError | None = None
        self.lost = False

    @property
    def congested(self) -> bool:
        """The sandbox does not read what it was sent."""
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() > CONGESTED_BYTES

    # -- what the executor does ------------------------------------------------------------

    async def handshake(self, seconds: float) -> Hello:
        """Wait for HELLO and answer it. Raises LinkError, TimeoutError."""
        async with asyncio.timeout(seconds):
            kind, payload = await self._reply
        if kind != frames.HELLO:
            raise LinkError("the first frame was not HELLO")
        hello = decode(payload, Hello)
        low, high = hello.protocol
        if not low <= frames.PROTOCOL <= high:
            raise LinkError(
                f"the sandbox speaks protocol {low} to {high}, this node {frames.PROTOCOL}"
            )
        self.write(frames.encode_json(frames.HELLO, 0, 0, {"protocol": frames.PROTOCOL}))
        self.hello = hello
        return hello

    async def bind(
        self,
        head: Mapping[str, object],
        source: bytes,
        seconds: float,
        files: Mapping[str, bytes] = NO_FILES,
    ) -> Bound:
        """Make the sandbox belong to a version. Raises InvocationFailed when its import fails."""
        frame = frames.encode_bind(head, source, files)
        kind, payload = await self._ask(frame, stream=0, seconds=seconds)
        if kind == frames.ERROR:
            raise decode_failure(payload)
        if kind != frames.BOUND:
            raise LinkError("BIND was not answered by BOUND")
        return decode(payload, Bound)

    async def check(
        self, source: bytes, seconds: float, *, filename: str = "script.py", module: bool = False
    ) -> Checked:
        """Have a source compiled and looked through, without running it.

        Of a module beside the entry nothing is asked but that it compiles.
        """
        stream = self._next_stream
        self._next_stream = stream + 1
        head = {"filename": filename, "module": module}
        frame = frames.encode_check(stream, head, source)
        kind, payload = await self._ask(frame, stream=stream, seconds=seconds)
        if kind != frames.CHECKED:
            raise LinkError("CHECK was not answered by CHECKED")
        return decode_checked(payload)

    def start(self, exchange: Exchange, now: float) -> None:
        """Start an invocation; the answer arrives at the exchange."""
        stream = self._next_stream
        self._next_stream = stream + 1
        self.open_exchanges[stream] = exchange
        exchange.start(self, stream, now)

    def retire(self) -> None:
        """Ask the sandbox to end when it is idle."""
        if not self.lost:
            self.write(frames.encode(frames.RETIRE, frames.END, 0, b""))

    def close(self) -> None:
        """Drop the socket; a healthy sandbox ends by itself then. Nothing more is heard of it."""
        self._held.clear()
        self.open_exchanges.clear()
        if self._transport is not None:
            self._transport.abort()

    def write(self, frame: bytes) -> None:
        """Send a frame: the first of a loop turn at once, the others a few together.

        So the sandbox is at work while we still take the turn's other requests in.
        """
        if self.lost:
            return
        self._unsent.append(frame)
        if not self._in_turn:
            self._in_turn = True
            self.loop.call_soon(self._end_turn)
            self._send()
        elif len(self._unsent) >= FRAMES_TOGETHER:
            self._send()

    def _end_turn(self) -> None:
        self._in_turn = False
        if self._unsent and not self.lost:
            self._send()

    def _send(self) -> None:
        data = b"".join(self._unsent)
        self._unsent.clear()
        if self._transport is None:
            return
        if not self._transport.get_write_buffer_size():
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                pass
            except OSError:
                return  # the loop notices the loss and tells it
        if data:
            self._transport.write(data)

    # -- what arrives ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.fault is not None:
            return
        decoder = self._decoder
        try:
            received = decoder.feed(data)
        except frames.ProtocolError as error:
            self.break_off(LinkError(str(error)))
            return
        if decoder.incomplete and self._stall is None:
            self._watch_stall()
        if self._held or len(received) > FRAMES_A_TURN:
            self._hold(received)
        else:
            self._take(received)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        self.released()
        if self._stall is not None:
            self._stall.cancel()
        while self._held and self.fault is None:
            self._take_turn()
        error = self.fault or exc
        if not self._reply.done():
            self._reply.set_exception(self.fault or LinkError("the sandbox ended"))
        self._on_lost(error)

    def _take(self, received: Iterable[frames.Frame]) -> None:
        try:
            for kind, flags, stream, payload in received:
                self._taken += 1
                if kind == frames.RESPONSE:
                    exchange = self.open_exchanges[stream]
                    exchange.took_response(payload, flags & frames.END != 0)
                    if exchange.ended:
                        del self.open_exchanges[stream]
                        self.owner.exchange_ended(exchange)
                else:
                    self._took(kind, flags, stream, payload)
        except KeyError:
            self.break_off(LinkError("a frame for an invocation that is not running"))
        except LinkError as error:
            self.break_off(error)
        except frames.ProtocolError as error:
            self.break_off(LinkError(str(error)))

    def _hold(self, received: list[frames.Frame]) -> None:
        """More than one turn's share has come: the rest waits, so that others are served."""
        if not self._held:
            self.loop.call_soon(self._next_turn)
        self._held.extend(received)
        if len(self._held) > FRAMES_HELD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _next_turn(self) -> None:
        if self.lost:
            return
        self._take_turn()
        if self._held:
            self.loop.call_soon(self._next_turn)
        elif self._paused and self.fault is None and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _take_turn(self) -> None:
        held = self._held
        self._take([held.popleft() for _ in range(min(FRAMES_A_TURN, len(held)))])

    def _watch_stall(self) -> None:
        self._stall = self.loop.call_later(FRAME_SECONDS, self._if_stalled, self._taken)

    def _if_stalled(self, taken: int) -> None:
        """Half a frame came. While invocations run their own deadlines bound the wait."""
        self._stall = None
        if not self._decoder.incomplete or self.lost or self.fault is not None:
            return
        if self._taken == taken and not self.open_exchanges and not self._held:
            self.break_off(LinkError(f"a frame was not whole after {FRAME_SECONDS:g} s"))
        else:
            self._watch_stall()

    def _took(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.LOG:
            self._took_log(stream, payload)
        elif kind == frames.DATA:
            exchange = self.open_exchanges[stream]
            exchange.took_data(payload, flags & frames.END != 0)
            self._if_ended(exchange)
        elif kind == frames.WINDOW:
            self.open_exchanges[stream].took_credit(frames.decode_window(payload))
        elif kind == frames.ERROR and stream != 0:
            exchange = self.open_exchanges[stream]
            exchange.took_error(decode_failure(payload))
            self._if_ended(exchange)
        elif kind == frames.CALL:
            if self.calls is None:
                raise LinkError("a call from a blank sandbox")
            self.calls.took_on_link(flags, stream, payload)
        elif stream == self._reply_stream:
            if not self._reply.done():
                self._reply.set_result((kind, payload))
            self._reply_stream = -1
        else:
            raise LinkError(f"an unexpected frame of type {kind}")

    def _took_log(self, stream: int, payload: bytes) -> None:
        if len(payload) > MAX_LOG_TEXT:
            raise LinkError("a log record of an impossible size")
        self.owner.log(self.open_exchanges[stream] if stream else None, payload)

    def _if_ended(self, exchange: Exchange) -> None:
        if exchange.ended:
            del self.open_exchanges[exchange.stream]
            self.owner.exchange_ended(exchange)

    async def _ask(self, frame: bytes, *, stream: int, seconds: float) -> tuple[int, bytes]:
        if self.lost:
            raise self.fault or LinkError("the sandbox ended")
        reply: asyncio.Future[tuple[int, bytes]] = self.loop.create_future()
        self._reply, self._reply_stream = reply, stream
        self.write(frame)
        async with asyncio.timeout(seconds):
            return await reply

    def break_off(self, error: LinkError) -> None:
        """The sandbox broke the rules: drop the link, which ends the sandbox."""
        self.fault = error
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
    _, link = await loop.create_unix_connection(lambda: Link(sock, on_lost), sock=sock)
    try:
        await link.handshake(timeout)
    except BaseException:
        link.close()
        raise
    return link
