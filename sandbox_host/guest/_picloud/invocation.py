"""One run of the handler: its stream, its deadline, what is left of its limits."""

from __future__ import annotations

from asyncio import Future, Task
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _picloud.asgi import Exchange
    from pic.request import Request

INITIAL_WINDOW = 256 * 1024


class Limits:
    """What the executor allows; comes with BIND. Named as its users know them."""

    timeout_ms = 10_000
    import_ms = 30_000
    stream_idle_ms = 30_000
    answer_bytes = 10 * 1024 * 1024
    header_bytes = 32 * 1024
    log_bytes = 256 * 1024
    log_line_bytes = 64 * 1024

    @classmethod
    def take(cls, head: dict[str, Any]) -> None:
        """The limits in the head of BIND; what it leaves out stays as it is."""
        for name in list(vars(Limits)):
            value = head.get(name)
            if type(value) is int and value > 0:
                setattr(cls, name, value)


class Invocation:
    """The state of one stream. Most attributes keep their default in most invocations."""

    due = 0.0  # ms on the clock of deadline.now()
    limit = "timeout_ms"  # the one that `due` comes from
    struck = False  # the deadline has come while it ran
    out = ""  # of stdout, since the last newline
    err = ""
    log_used = 0
    log_dropped = 0
    credit = INITIAL_WINDOW
    sent = 0  # body bytes of a streamed answer
    head_sent = False
    cancelled = False
    ended = False
    reaped = False
    over = False  # nothing of it may run any more
    request: Request | None = None
    task: Task[None] | None = None
    exchange: Exchange | None = None  # of an ASGI application
    started: set[Task[Any]] | None = None  # tasks that it has started and that are not done
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


def owner() -> Invocation:
    """Whose code runs."""
    return current.get() or Foreground.invocation
