"""Frames on their way to the executor: written here, sent by the host. See docs/link.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _picloud.invocation import Invocation

HELLO, BIND, BOUND, INVOKE, RESPONSE, DATA, WINDOW, CANCEL, ERROR, LOG, CHECK, CHECKED = range(
    1, 13
)
END = 1  # flag: the last frame of this direction of its stream
BODY_ASIDE = 0x40  # flag the host sets in the inbox: the body waits in `bodies`
CANCELLED = 0x80  # flag the host sets in the inbox: the caller has gone

FRAME_MAX = 64 * 1024  # payload of one DATA frame; far below the link's own bound
SIZE = 512 * 1024  # of the outbox and of the inbox

HEADER = Struct("<IBBHI")
RESPONSE_HEADER = Struct("<IBBHII")
LOG_HEADER = Struct("<IBBHIBBq")
_pack_response = RESPONSE_HEADER.pack_into

# Words of `shared`, which the host reads: how much of the outbox is filled, which stream is
# running, how much of the inbox was consumed, ms to the next timer, and what is under way.
FILLED, CURRENT, CONSUMED, TIMER, STATUS = range(5)
# Bits of STATUS: call pump() again; an invocation is not finished; a generator has the floor.
PUMP, BUSY, STEPPING = 1, 2, 4


def _no_host(_: int) -> None:
    raise RuntimeError("the outbox has no host")


class Outbox:
    """A buffer the host writes to the socket; `shared[FILLED]` says how much of it is filled.

    No deadline strikes in here (see deadline.py): a frame is written as a whole, together with
    the state it brings about.
    """

    __slots__ = ("buffer", "send", "shared")

    def __init__(self) -> None:
        self.buffer = bytearray(SIZE)
        self.shared = memoryview(bytearray(32)).cast("I")
        self.send: Callable[[int], None] = _no_host

    def flush(self) -> None:
        """Hand everything written so far to the socket, at once."""
        filled = self.shared[FILLED]
        if filled:
            self.shared[FILLED] = 0
            self.send(filled)

    def reserve(self, size: int) -> int:
        """Where a frame of this size (header included) goes; flushes if it does not fit."""
        at: int = self.shared[FILLED]
        if at + size > SIZE:
            self.flush()
            at = 0
        self.shared[FILLED] = at + size
        return at

    def response(self, inv: Invocation, head: bytes, body: bytes, flags: int = END) -> None:
        """The head of an answer and the first part of its body, or all of it."""
        head_size = len(head)
        size = 16 + head_size + len(body)
        shared = self.shared
        at = shared[FILLED]
        end = at + size
        if end > SIZE:
            self.flush()
            at, end = 0, size
        buffer = self.buffer
        _pack_response(buffer, at, size - 12, RESPONSE, flags, 0, inv.stream, head_size)
        buffer[at + 16 : end] = head + body
        shared[FILLED] = end
        if flags:
            inv.ended = True
        else:
            inv.head_sent = True

    def data(self, inv: Invocation, part: bytes | memoryview, flags: int = 0) -> None:
        """The next part of a body; the last one with END."""
        self.frame(DATA, flags, inv.stream, part)
        inv.ended = flags == END

    def frame(self, kind: int, flags: int, stream: int, payload: bytes | memoryview) -> None:
        """Any other frame."""
        size = 12 + len(payload)
        at = self.reserve(size)
        HEADER.pack_into(self.buffer, at, size - 12, kind, flags, 0, stream)
        self.buffer[at + 12 : at + size] = payload

    def log(self, stream: int, level: int, source: int, microseconds: int, text: bytes) -> None:
        """One log record, sent at once so that it survives whatever comes next."""
        size = 22 + len(text)
        at = self.reserve(size)
        LOG_HEADER.pack_into(
            self.buffer, at, size - 12, LOG, 0, 0, stream, level, source, microseconds
        )
        self.buffer[at + 22 : at + size] = text
        self.flush()

    def error(self, inv: Invocation, outcome: str, code: str, message: str) -> None:
        """The end of a stream that failed."""
        said = message[:2000].encode("utf-8", "backslashreplace").decode()
        payload = json.dumps({"outcome": outcome, "code": code, "message": said})
        self.frame(ERROR, END, inv.stream, payload.encode())
        inv.ended = True


outbox = Outbox()
inbox = bytearray(SIZE)
bodies: dict[int, bytearray] = {}
