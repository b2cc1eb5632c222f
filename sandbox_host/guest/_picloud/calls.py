"""Calls of a script to the node's services: CALL and RESULT of docs/link.md.

A synchronous call goes over the call socket and blocks the whole sandbox until its result is
there; an asynchronous one goes over the link, and the host brings the frames of its result. The
soft stop interrupts no code of this file: half a frame would end the sandbox. The node ends every
call by its invocation's deadline.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from _picloud.host import Host
from _picloud.invocation import Foreground, current
from _picloud.loop import Loop
from _picloud.outbox import END, HEADER, outbox

CALL, RESULT = 14, 15
MORE = 0x40  # flag the host sets: another piece of this frame comes next
_SIZE = 64 * 1024
_PART = 60 * 1024  # of a body in one frame
_MOST_OPEN = 64  # asynchronous calls under way; more wait here
_HEAD_MAX = 192 * 1024  # of a call's JSON
_HEAD = 4  # bytes before a head: its length

# The host reads and writes calls here: see host.py.
buffer = bytearray(_SIZE)
# The number of the last call on the socket and on the link. They grow as long as the sandbox
# lives: a result that comes late must not meet a later call.
numbers = memoryview(bytearray(8)).cast("I")
_ON_SOCKET, _ON_LINK = 0, 1


class Limits:
    """What the executor takes; comes with BIND."""

    body_bytes = 10 * 1024 * 1024


class CallError(Exception):
    """A call has no result."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Wires:
    host: Host


class _Result:
    """The frames of one result, put together."""

    __slots__ = ("ended", "head", "parts")

    def __init__(self) -> None:
        self.head = b""
        self.parts: list[bytes] = []
        self.ended = False

    def add(self, flags: int, payload: bytes) -> None:
        """The next frame; its head replaces an earlier one, as an error does."""
        size = int.from_bytes(payload[:_HEAD], "little")
        if size:
            self.head = payload[_HEAD : _HEAD + size]
        self.parts.append(payload[_HEAD + size :])
        self.ended = flags & END != 0

    def take(self) -> tuple[dict[str, Any], bytes]:
        """Head and body. Raises CallError for a result that is an error."""
        head = json.loads(self.head)
        if "error" in head:
            raise CallError(head["error"]["code"], head["error"]["message"])
        return head, b"".join(self.parts)


def attach(host: Host) -> None:
    """The host is there."""
    _Wires.host = host


def call(head: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
    """Head and body of the result; blocks. Raises CallError."""
    outbox.flush()  # what was answered or logged before must be known before
    number = _next(_ON_SOCKET)
    for kind, flags, payload in _frames(head, body):
        _write(HEADER.pack(len(payload), kind, flags, 0, number))
        _write(payload)
    return _read(number).take()


async def acall(head: dict[str, Any], body: bytes = b"") -> tuple[dict[str, Any], bytes]:
    """As `call`, while other invocations go on. Raises CallError."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, Loop) or loop.wake is None:
        return call(head, body)  # asyncio.run in a synchronous handler: nobody else is there
    async with _places:
        number = _next(_ON_LINK)
        future: asyncio.Future[_Result] = loop.create_future()
        _pending[number] = _Result(), future
        try:
            for kind, flags, payload in _frames(head, body):
                outbox.frame(kind, flags, number, payload)
            outbox.flush()
            return (await future).take()
        finally:
            del _pending[number]


_pending: dict[int, tuple[_Result, asyncio.Future[_Result]]] = {}
_places = asyncio.Semaphore(_MOST_OPEN)


_pieces: list[bytes] = []  # of the RESULT frame that the host is bringing


def result(number: int, flags: int, size: int) -> None:
    """The host brings a RESULT frame from the link, in pieces as large as `buffer`.

    Nobody may wait for it any more.
    """
    pending = _pending.get(number)
    if pending is None or pending[1].done():
        _pieces.clear()
        return
    held, future = pending
    try:
        _pieces.append(bytes(memoryview(buffer)[:size]))
        if flags & MORE:
            return
        held.add(flags, b"".join(_pieces))
        _pieces.clear()
    except MemoryError as error:
        _pieces.clear()
        future.set_exception(error)
    else:
        if held.ended:
            future.set_result(held)


def _next(which: int) -> int:
    number: int = numbers[which] + 1
    numbers[which] = number
    return number


def _frames(head: dict[str, Any], body: bytes) -> list[tuple[int, int, bytes]]:
    if len(body) > Limits.body_bytes:
        message = f"the body has {len(body)} bytes; egress_request_bytes={Limits.body_bytes}"
        raise CallError("request_too_large", message)
    invocation = current.get() or Foreground.invocation
    stream = 0 if invocation.ended else invocation.stream
    encoded = json.dumps({**head, "for": stream}).encode()
    if len(encoded) > _HEAD_MAX:
        raise CallError("invalid_request", f"URL and headers exceed {_HEAD_MAX} bytes")
    start = len(encoded).to_bytes(_HEAD, "little") + encoded
    made = []
    for at in range(0, max(len(body), 1), _PART):
        flags = END if at + _PART >= len(body) else 0
        made.append((CALL, flags, start + body[at : at + _PART]))
        start = bytes(_HEAD)
    return made


def _write(data: bytes) -> None:
    view = memoryview(data)
    for at in range(0, len(data), _SIZE):
        part = view[at : at + _SIZE]
        buffer[: len(part)] = part
        _Wires.host.call_write(len(part))


def _read(number: int) -> _Result:
    """The result of this call. Results nobody took, of calls that were broken off, are skipped."""
    held = _Result()
    failure: MemoryError | None = None
    while not held.ended:
        length, _, flags, _, stream = HEADER.unpack(_take(HEADER.size))
        payload = _take(length)
        if stream == number and failure is None:
            try:
                held.add(flags, payload)
            except MemoryError as error:
                failure, held.parts = error, []
        if stream == number:
            held.ended = flags & END != 0  # to the end in any case: the next call begins there
    if failure is not None:
        raise failure
    return held


def _take(size: int) -> bytes:
    """Exactly so many bytes from the call socket."""
    taken = bytearray()
    while len(taken) < size:
        count = _Wires.host.call_read(min(size - len(taken), _SIZE))
        if count == 0:
            raise CallError("cancelled", "the node has closed the call socket")
        taken += memoryview(buffer)[:count]
    return bytes(taken)
