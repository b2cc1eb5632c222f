"""print, logging, warnings and tracebacks as log records of the invocation they belong to."""

from __future__ import annotations

import io
import logging
import sys
from time import time_ns

from _picloud.invocation import Foreground, Invocation, Limits, background, current
from _picloud.outbox import outbox

STDOUT, STDERR, LOGGING, TRACEBACK, PLATFORM = range(1, 6)
LINE_MAX = 64 * 1024
RECORD_COST = 16  # bytes: what a record counts at least; the executor counts alike


def record(inv: Invocation, level: int, source: int, text: str) -> None:
    """Send one log record, or count it as dropped once the invocation's share is used up."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > LINE_MAX:
        data = data[:LINE_MAX].decode("utf-8", "ignore").encode()
    cost = max(len(data), RECORD_COST)
    if inv.log_dropped or inv.log_used + cost > Limits.log_bytes:
        inv.log_dropped += len(data)
        return
    inv.log_used += cost
    stream = 0 if inv.ended else inv.stream
    outbox.log(stream, level, source, time_ns() // 1000, data)


def finish(inv: Invocation) -> None:
    """Send what is left of unfinished lines, and how much was dropped."""
    if inv.out:
        text, inv.out = inv.out, ""
        record(inv, logging.INFO, STDOUT, text)
    if inv.err:
        text, inv.err = inv.err, ""
        record(inv, logging.WARNING, STDERR, text)
    if inv.log_dropped:
        text = f"{inv.log_dropped} bytes dropped"
        outbox.log(inv.stream, logging.WARNING, PLATFORM, time_ns() // 1000, text.encode())
        inv.log_dropped = inv.log_used = 0


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
        inv = owner()
        held = getattr(inv, self._attribute) + text
        if "\n" in held:
            *lines, held = held.split("\n")
            for line in lines:
                record(inv, self._level, self._source, line)
        while len(held) >= LINE_MAX:
            record(inv, self._level, self._source, held[:LINE_MAX])
            held = held[LINE_MAX:]
        setattr(inv, self._attribute, held)
        return len(text)

    def close(self) -> None:
        """Stays open: the next invocation needs it."""


def owner() -> Invocation:
    """Whose output this is: a finished invocation's belongs to the sandbox itself."""
    inv = current.get() or Foreground.invocation
    return background if inv.ended else inv


class Handler(logging.Handler):
    """The root handler of `logging`: one record of the log for each record."""

    def emit(self, record_: logging.LogRecord) -> None:
        level = min(50, max(10, record_.levelno // 10 * 10))
        try:
            text = self.format(record_)
        except Exception as error:
            text = f"{record_.msg!r} (this record can't be formatted: {error!r})"
        record(owner(), level, LOGGING, text)


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
