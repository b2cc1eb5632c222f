"""print, logging, warnings and tracebacks as log records of the invocation they belong to."""

from __future__ import annotations

import io
import logging
import sys
from time import time_ns

from _picloud.invocation import Invocation, Limits, background, owner
from _picloud.outbox import outbox

STDOUT, STDERR, LOGGING, TRACEBACK, PLATFORM = range(1, 6)
RECORD_COST = 128  # bytes: what a record counts at least; the executor counts alike
_PIECE = 64 * 1024


def record(inv: Invocation, level: int, source: int, text: str) -> None:
    """Send one log record, or count it as dropped once the invocation's share is used up."""
    data = _encoded(text)
    cost = max(len(data), RECORD_COST)
    if inv.log_dropped or inv.log_used + cost > Limits.log_bytes:
        inv.log_dropped += len(data)
        return
    inv.log_used += cost
    stream = 0 if inv.ended else inv.stream
    outbox.log(stream, level, source, time_ns() // 1000, data)


def _encoded(text: str) -> bytes:
    """UTF-8, cut where a line must end."""
    most = Limits.log_line_bytes
    data = text[:most].encode("utf-8", "backslashreplace")
    if len(data) <= most and len(text) <= most:
        return data
    mark = f" … cut: longer than log_line_bytes={most}".encode()
    return data[: max(0, most - len(mark))].decode("utf-8", "ignore").encode() + mark


def finish(inv: Invocation) -> None:
    """Send what is left of unfinished lines, and how much was dropped."""
    if inv.out:
        text, inv.out = inv.out, ""
        record(inv, logging.INFO, STDOUT, text)
    if inv.err:
        text, inv.err = inv.err, ""
        record(inv, logging.WARNING, STDERR, text)
    if inv.log_dropped:
        said = f"{inv.log_dropped} bytes dropped: more than log_bytes={Limits.log_bytes}"
        outbox.log(inv.stream, logging.WARNING, PLATFORM, time_ns() // 1000, said.encode())
        inv.log_dropped = inv.log_used = 0


def note(inv: Invocation, text: str) -> None:
    """A word of the platform's own in the invocation's log."""
    record(background if inv.ended else inv, logging.WARNING, PLATFORM, text)


class Writer(io.TextIOBase):
    """A text stream whose lines become log records of the invocation that wrote them."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, name: str, attribute: str, level: int, source: int) -> None:
        super().__init__()
        self.name = name
        self._attribute = attribute
        self._level = level
        self._source = source

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if type(text) is not str:
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {type(text).__name__}")
            text = str(text)
        inv = writing()
        if inv.log_dropped:
            inv.log_dropped += _size(text, 0)
        else:
            self._take(inv, text)
        return len(text)

    def _take(self, inv: Invocation, text: str) -> None:
        held: str = getattr(inv, self._attribute)
        most = Limits.log_line_bytes + 1  # one more, which shows that the line is too long
        start = 0
        while (end := text.find("\n", start)) >= 0:
            line = text[start : end if end - start < most else start + most]
            record(inv, self._level, self._source, held + line)
            held, start = "", end + 1
            if inv.log_dropped:
                inv.log_dropped += _size(text, start)
                start = len(text)
        held += text[start : start + most - len(held)]
        setattr(inv, self._attribute, held)

    def close(self) -> None:
        """Stays open: the next invocation needs it."""


def _size(text: str, start: int) -> int:
    """Bytes of the lines from there on, without a second copy of something large."""
    ends = text.count("\n", start)
    if text.isascii():
        return len(text) - start - ends
    pieces = (text[at : at + _PIECE] for at in range(start, len(text), _PIECE))
    return sum(len(piece.encode("utf-8", "backslashreplace")) for piece in pieces) - ends


def writing() -> Invocation:
    """Whose output this is: a finished invocation's belongs to the sandbox itself."""
    inv = owner()
    return background if inv.ended else inv


class Handler(logging.Handler):
    """The root handler of `logging`: one record of the log for each record."""

    def emit(self, record_: logging.LogRecord) -> None:
        level = min(50, max(10, record_.levelno // 10 * 10))
        try:
            text = self.format(record_)
        except Exception as error:
            text = f"{record_.msg!r} (this record can't be formatted: {error!r})"
        record(writing(), level, LOGGING, text)


def write(level: int, text: str) -> None:
    """What `pic.log` calls."""
    record(writing(), level, LOGGING, text)


def install() -> None:
    """Put our streams in the place of the interpreter's."""
    sys.stdin = io.StringIO("")
    stdout = Writer("<stdout>", "out", logging.INFO, STDOUT)
    stderr = Writer("<stderr>", "err", logging.WARNING, STDERR)
    for name, stream in (("stdout", stdout), ("stderr", stderr)):
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    root = logging.getLogger()
    root.handlers[:] = [Handler()]
    root.setLevel(logging.INFO)
