"""One run of the handler: its stream, what is left of its limits, its unfinished lines."""

from __future__ import annotations

from asyncio import Future, Task
from contextvars import ContextVar
from typing import Any

INITIAL_WINDOW = 256 * 1024


class Limits:
    """What the executor allows an invocation; comes with BIND."""

    answer_bytes = 10 * 1024 * 1024
    log_bytes = 256 * 1024


class Invocation:
    """The state of one stream. Most attributes keep their default in most invocations."""

    out = ""  # of stdout, since the last newline
    err = ""
    log_used = 0
    log_dropped = 0
    credit = INITIAL_WINDOW
    sent = 0  # body bytes of a streamed answer
    head_sent = False
    cancelled = False
    ended = False
    task: Task[None] | None = None
    room: Future[None] | None = None  # resolved when credit arrives

    def __init__(self, stream: int) -> None:
        self.stream = stream

    def __repr__(self) -> str:
        return f"<Invocation {self.stream}>"


background = Invocation(0)


class Foreground:
    """The synchronous invocation that has the interpreter; tasks have a context variable."""

    invocation = background


current: ContextVar[Invocation | None] = ContextVar("picloud_invocation", default=None)
running: dict[int, Any] = {}  # streams that are not finished when their first step is
