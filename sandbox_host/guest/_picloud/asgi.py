"""ASGI applications: one task for each request, which receives and sends messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from _picloud import answers, failures, streams
from _picloud.failures import AnswerError
from _picloud.invocation import Invocation, Limits, owner
from _picloud.leftovers import reap
from _picloud.outbox import FRAME_MAX, outbox
from _picloud.streams import Chunks
from _picloud.wsgi import server
from pic.request import Request

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

VERSIONS = {"version": "3.0", "spec_version": "2.3"}
_LEAVING = 0.1  # seconds an app has to notice that its client has gone
_LEFT = "the client has closed the connection"

ANSWERED = object()  # the result of a task that has answered by itself
# Answers that are whole while their app goes on: their end is not sent before it is known
# whether the app ends at once, perhaps with an exception.
unsent: list[Exchange] = []


class Asgi:
    """The handler of a script whose `app` is an ASGI application."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.state: Message = {}

    async def __call__(self, request: Request) -> object:
        exchange = Exchange(owner(), request)
        await exchange.serve(self.app, scope_of(request, self.state))
        return ANSWERED


def scope_of(request: Request, state: Message) -> Message:
    """The scope of a request."""
    root = request.root_path
    raw_path = root + request.raw_path
    return {
        "type": "http",
        "asgi": VERSIONS,
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": root + request.path,
        "raw_path": raw_path.encode("latin-1"),
        "query_string": request.raw_query.encode("latin-1"),
        "root_path": root,
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers.pairs()
        ],
        "client": (request.client_ip, 0),
        "server": server(request),
        "extensions": {},
        "state": state.copy(),
    }


class Exchange:
    """One request: what the application receives, and what it has sent so far."""

    def __init__(self, inv: Invocation, request: Request) -> None:
        self.inv = inv
        self._request = request
        self._body_given = False
        self._complete = False  # the application has sent its last message
        self._gone: asyncio.Event | None = None
        self._status = 0
        self._head = b""
        self._whole: bytes | None = None  # a small body that came in one message
        self._chunks: Chunks | None = None  # any other body
        self._sized = False  # the client knows from the head where the body ends
        inv.exchange = self

    async def serve(self, app: Application, scope: Message) -> None:
        """Call the application; afterwards the answer has been sent, or what is wrong raised."""
        try:
            await app(scope, self._receive, self._send)
        except BaseException as error:
            if not self._stands():
                raise
            failures.report(self.inv, error)
        if not self._complete:
            raise AnswerError(
                "the app ended before its answer was complete"
                if self._status
                else "the app ended without an answer"
            )
        reap(self.inv)
        self._finish()

    def _stands(self) -> bool:
        """Whether the answer stays what it is although the application raises."""
        on_its_way = self.inv.head_sent or self.inv.ended
        return self._complete and (on_its_way or self._status >= 500)

    async def _receive(self) -> Message:
        if not self._body_given:
            self._body_given = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        if not (self._complete or self.inv.cancelled):
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if self.inv.cancelled:
            raise OSError(_LEFT)
        if kind == "http.response.start" and not self._status:
            headers = answers.checked_headers(_as_text(message.get("headers", ())))
            status = answers.checked_status(message["status"])
            self._head = answers.encode_head(status, headers, "")
            self._status = status
        elif kind == "http.response.body" and self._status and not self._complete:
            await self._send_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"a message of type {kind!r} can't be sent now")

    async def _send_body(self, body: Any, more: bool) -> None:
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise AnswerError(f"the app sent {type(body).__name__} as body; allowed is bytes")
        data = bytes(body)
        if more or self._chunks is not None or len(data) > FRAME_MAX:
            if self._chunks is None:
                self._sized = not more
                head = streams.with_length(self._head, len(data)) if self._sized else self._head
                self._chunks = Chunks(self.inv, lambda _: head)
            await streams.send(self._chunks, data)
        elif len(data) > Limits.answer_bytes:
            raise streams.too_large(len(data))
        else:
            self._whole = data
        if not more:
            self._complete = True
            unsent.append(self)
            self._tell_gone()

    def send_now(self) -> None:
        """The application goes on after its answer, which must not wait for that.

        Where the client can know that it has it all, the stream stays open: what the
        application logs from here on still belongs to its invocation.
        """
        inv, body = self.inv, self._whole
        if inv.ended or self._sized:
            return
        if body is None or self._request.method == "HEAD" or self._status in (204, 304):
            self._finish()
            return
        self._sized = True
        outbox.response(inv, streams.with_length(self._head, len(body)), body, 0)
        streams.restart_clock(inv)

    def _finish(self) -> None:
        inv = self.inv
        if inv.ended:
            return
        if self._whole is None or inv.head_sent:
            streams.finish_stream(inv)
        else:
            streams.send_whole(inv, self._head, self._whole)

    def leave(self) -> None:
        """The client has gone: the application may notice, a moment later it is cancelled."""
        inv = self.inv
        if self._complete:
            self._finish()
            return
        inv.cancelled = True
        self._tell_gone()
        if inv.room is not None and not inv.room.done():
            inv.room.set_exception(OSError(_LEFT))
        if inv.task is not None:
            inv.task.get_loop().call_later(_LEAVING, inv.task.cancel)

    def _tell_gone(self) -> None:
        if self._gone is not None:
            self._gone.set()


def flush() -> None:
    """Send the answers whose applications go on."""
    while unsent:
        unsent.pop().send_now()


def _as_text(headers: Iterable[Any]) -> list[tuple[str, str]]:
    pairs = []
    for name, value in headers:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise AnswerError(f"the header {name!r} is not a pair of bytes")
        pairs.append((name.decode("latin-1"), value.decode("latin-1")))
    return pairs
