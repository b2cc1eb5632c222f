"""What a bound sandbox asks of its node, and what it gets: CALL and RESULT of docs/link.md.

A call arrives on the link or on the call socket of its sandbox. Everything in it is hostile input;
whose it is, what it may and how long it may take is known from the sandbox, never from the frame:
the frame only says which of this sandbox's running invocations it is made for.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, cast

from picloud.domain.fetch import Fetch
from picloud.executor import frames
from picloud.executor.flow import PausableProtocol
from picloud.executor.frames import ProtocolError
from picloud.executor.messages import LinkError

logger = logging.getLogger(__name__)

MAX_HEAD: Final = 256 * 1024  # bytes of a call's JSON
PART: Final = 64 * 1024  # bytes of a result's body sent in one frame
_MOST_WAITING: Final = 256  # the guest holds back long before
_HALF_FRAME_SECONDS: Final = 10.0  # from the first byte of a frame to its last
_REFUSED_SECONDS: Final = 10.0  # a call of no invocation waits for its refusal at most
_LATE: Final = ("timeout", "the invocation's time is over")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Of one sandbox."""

    at_once: int = 16  # further calls wait their turn
    per_second: int = 100  # sustained; as many may come in one burst
    body_bytes: int = 10 * 1024 * 1024  # bodies of all calls under way together


class Caller(Protocol):
    """An invocation, as its calls see it."""

    def took_fetch(self, fetch: Fetch) -> None:
        """Remember a request to the outside; it changes until it has ended."""


class CallOwner(Protocol):
    """Knows what its sandbox is running."""

    def caller(self, stream: int) -> tuple[Caller | None, float] | None:
        """Whose call it is, and when its time is over (monotonic seconds).

        Stream 0 is the import, or a task of no invocation. None: nothing runs that could call.
        """

    def hops(self) -> int:
        """How many scripts have called scripts up to here: the most of all that it runs."""


class CallFailed(Exception):  # noqa: N818 - the script is told, nothing is wrong here
    """A call has no result: a code and a sentence for the script."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Service = Callable[["Call"], Awaitable[None]]


class Port(Protocol):
    """A socket calls come on and results leave by."""

    def write(self, frame: bytes) -> None:
        """Send a frame."""

    async def writable(self) -> None:
        """Wait until the sandbox has taken most of what was sent."""


class Call:
    """One call, from its first frame until its result has left."""

    def __init__(
        self,
        channel: Channel,
        id: int,
        head: dict[str, Any],
        caller: Caller | None,
        deadline: float,
    ) -> None:
        self.channel = channel
        self.id = id
        self.head = head
        self.body = bytearray()
        self.caller = caller
        self.deadline = deadline
        self.hops = 0  # of scripts calling scripts, up to the invocation
        self.ended = False
        self.service: Service = _refuse
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._port = channel.port

    async def reply(self, head: Mapping[str, Any] | None, part: bytes = b"", *, end: bool) -> None:
        """Send the result's head, or with None more of its body, once there is room."""
        await self._port.writable()
        if not self.ended:
            self.ended = end
            self._port.write(frames.encode_result(self.id, head, part, end))

    def fail(self, code: str, message: str) -> None:
        """End it with an error, also in the middle of its result."""
        if not self.ended:
            self.ended = True
            error = {"error": {"code": code, "message": message}}
            self._port.write(frames.encode_result(self.id, error, b"", True))


class Channel:
    """The calls of one port: their ids increase, their bodies may come in parts."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.last = 0
        self.receiving: dict[int, Call] = {}


class Calls:
    """All calls of one bound sandbox, whichever socket they come on."""

    def __init__(
        self,
        link: Port,
        owner: CallOwner,
        services: Mapping[str, Service],
        limits: CallLimits,
        on_fault: Callable[[LinkError], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._services = services
        self._limits = limits
        self._on_fault = on_fault
        self._on_link = Channel(link)
        self._socket: _CallSocket | None = None
        self._open: set[Call] = set()
        self._waiting: deque[Call] = deque()
        self._running = 0
        self._body_bytes = 0
        self._ignored = 0  # bytes of failed calls, since one was served
        self._due = 0.0  # when the next call may start, at the sustained pace
        self._pace: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """Calls under way, those that wait their turn included."""
        return len(self._open)

    async def listen(self, sock: socket.socket) -> None:
        """Serve our end of the call socket too."""
        sock.setblocking(False)
        _, protocol = await self._loop.create_unix_connection(
            lambda: _CallSocket(self._took_on_socket, self._on_fault), sock=sock
        )
        self._socket = protocol

    def took_on_link(self, flags: int, stream: int, payload: bytes) -> None:
        """A CALL frame on the link. Raises ProtocolError."""
        self._took(self._on_link, flags, stream, payload)

    def invocation_ended(self, caller: object) -> None:
        """Nobody waits for its calls any more."""
        for call in [call for call in self._open if call.caller is caller]:
            self._stop(call, "cancelled", "the invocation has ended")

    def close(self) -> None:
        """The sandbox is gone."""
        for call in list(self._open):
            call.ended = True
            self._forget(call)
        if self._pace is not None:
            self._pace.cancel()
        if self._socket is not None:
            self._socket.close()

    # -- what arrives ------------------------------------------------------------------------

    def _took_on_socket(self, channel: Channel, frame: frames.Frame) -> None:
        kind, flags, stream, payload = frame
        if kind != frames.CALL:
            raise ProtocolError(f"a frame of type {kind} on the call socket")
        self._took(channel, flags, stream, payload)

    def _took(self, channel: Channel, flags: int, stream: int, payload: bytes) -> None:
        head, part = frames.split_head(payload)
        if head:
            self._begin(channel, stream, head)
        elif stream > channel.last:
            raise ProtocolError("more of a call that never began")
        elif not part and not flags & frames.END:
            raise ProtocolError("a part of a call without a byte")
        call = channel.receiving.get(stream)
        if call is None:  # it has failed already; its sender could not know
            self._ignore(len(part))
            return
        self._add(call, part)
        if flags & frames.END and not call.ended:
            del channel.receiving[stream]
            self._waiting.append(call)
            self._start_waiting()

    def _ignore(self, size: int) -> None:
        """Parts of calls that have failed: as much as a sandbox may have on its way."""
        self._ignored += size
        if self._ignored > self._limits.body_bytes:
            raise ProtocolError("more and more of calls that have failed")

    def _begin(self, channel: Channel, id: int, head: bytes) -> None:
        if id <= channel.last:
            raise ProtocolError(f"call {id} after call {channel.last}")
        channel.last = id
        if len(head) > MAX_HEAD:
            raise ProtocolError(f"the head of a call has {len(head)} bytes")
        values = frames.decode_json(head)
        op, stream = values.get("op"), values.get("for")
        if not isinstance(op, str) or op not in self._services or type(stream) is not int:
            raise ProtocolError(f"a call of {str(op)[:40]!r}")
        if len(self._open) >= _MOST_WAITING:
            raise ProtocolError(f"{len(self._open)} calls at once")
        found = self._owner.caller(stream)
        caller, deadline = found or (None, self._loop.time() + _REFUSED_SECONDS)
        call = Call(channel, id, values, caller, deadline)
        call.service = self._services[op] if found else _refuse
        call.hops = self._owner.hops()
        channel.receiving[id] = call
        self._open.add(call)
        left = deadline - self._loop.time()
        if left > 0:
            call.timer = self._loop.call_later(left, self._stop, call, *_LATE)
        else:
            call.service = _refuse_late

    def _add(self, call: Call, part: bytes) -> None:
        self._body_bytes += len(part)
        call.body += part
        if self._body_bytes > self._limits.body_bytes:
            most = self._limits.body_bytes
            self._stop(
                call,
                "request_too_large",
                f"the bodies of the requests under way exceed egress_request_bytes={most}",
            )

    # -- running -----------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        """Start calls as far as there is room, no faster than the pace."""
        limits = self._limits
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None
        while self._waiting and self._running < limits.at_once:
            now = self._loop.time()
            if self._due > now:
                self._pace = self._loop.call_at(self._due, self._start_waiting)
                return
            self._due = max(self._due, now - 1.0) + 1.0 / limits.per_second
            call = self._waiting.popleft()
            self._running += 1
            call.task = self._loop.create_task(_run(call))
            call.task.add_done_callback(partial(self._ran, call))

    def _ran(self, call: Call, _: object) -> None:
        self._running -= 1
        self._ignored = 0
        self._forget(call)
        self._start_waiting()

    def _stop(self, call: Call, code: str, message: str) -> None:
        call.fail(code, message)
        self._forget(call)

    def _forget(self, call: Call) -> None:
        """It takes no more room. A task that still runs ends by itself."""
        if call not in self._open:
            return
        self._open.discard(call)
        self._body_bytes -= len(call.body)
        call.channel.receiving.pop(call.id, None)
        if call.timer is not None:
            call.timer.cancel()
        if call.task is not None:
            call.task.cancel()
        elif call in self._waiting:
            self._waiting.remove(call)


async def _run(call: Call) -> None:
    try:
        await call.service(call)
    except CallFailed as failure:
        call.fail(failure.code, failure.message)
    except Exception:
        logger.exception("a call failed")
        call.fail("internal", "the platform could not do this")


async def _refuse(_: Call) -> None:
    """Serve a call of no invocation. Such calls wait their turn like all others."""
    raise CallFailed("cancelled", "calls can only be made while an invocation runs")


async def _refuse_late(_: Call) -> None:
    raise CallFailed(*_LATE)


class _CallSocket(PausableProtocol):
    """Our end of the socket on which a sandbox waits for the result of one call after another."""

    def __init__(
        self,
        on_frame: Callable[[Channel, frames.Frame], None],
        on_fault: Callable[[LinkError], None],
    ) -> None:
        super().__init__()
        self._on_frame = on_frame
        self._on_fault = on_fault
        self._channel = Channel(self)
        self._decoder = frames.Decoder()
        self._transport: asyncio.Transport | None = None
        self._half: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        if self._transport is not None:
            self._transport.write(frame)

    def close(self) -> None:
        """Drop the socket."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            whole = self._decoder.feed(data)
        except ProtocolError as error:
            self._break(error)
            return
        if whole:
            # later: what the sandbox said before on its link, such as an answer, comes first
            self._loop.call_soon(self._took, whole)
        self._watch_half(bool(whole))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.released()
        if self._half is not None:
            self._half.cancel()

    def _took(self, whole: list[frames.Frame]) -> None:
        try:
            for frame in whole:
                if self._transport is not None:
                    self._on_frame(self._channel, frame)
        except ProtocolError as error:
            self._break(error)

    def _watch_half(self, progress: bool) -> None:
        """A frame that has begun must end soon."""
        if self._half is not None and (progress or not self._decoder.incomplete):
            self._half.cancel()
            self._half = None
        if self._decoder.incomplete and self._half is None:
            self._half = self._loop.call_later(_HALF_FRAME_SECONDS, self._stalled)

    def _stalled(self) -> None:
        seconds = f"{_HALF_FRAME_SECONDS:g}"
        self._break(ProtocolError(f"a frame on the call socket took longer than {seconds} s"))

    def _break(self, error: ProtocolError) -> None:
        self.close()
        self._on_fault(LinkError(str(error)))
