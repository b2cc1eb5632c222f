"""One invocation as a link sees it: frames of one stream, with flow control."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Final, Protocol

from picloud.executor import frames
from picloud.executor.messages import InvocationFailed, LinkError

GRANT_AT: Final = frames.INITIAL_WINDOW // 2  # taken body bytes after which credit is renewed


class Wire(Protocol):
    """What an exchange needs of its link."""

    loop: asyncio.AbstractEventLoop

    def write(self, frame: bytes) -> None:
        """Queue a frame."""


class Exchange:
    """One invocation on a link: a request going in, an answer or a failure coming out.

    `response` is the payload of the answer's head and first body bytes, or InvocationFailed.
    Until the sandbox has surely started it, an exchange may be started again on another link.
    """

    # Most invocations never change these, so they are made once, for the class.
    abandoned = False
    cancelled = False
    ended = False
    streamed = False  # the head has come
    whole = False  # and the whole body with it
    failure: InvocationFailed | None = None
    started = 0.0
    stream = 0
    max_body = 1 << 40  # bytes of an answer; above it the sandbox broke its promise
    moved = 0.0  # monotonic time of the last sign of life of a streamed answer
    _granted = 0  # body bytes the sandbox has asked for
    _received = 0  # body bytes of the answer
    _taken = 0  # taken bytes for which no credit has been given yet
    _window = frames.INITIAL_WINDOW  # credit the sandbox has left
    _chunks: deque[bytes] | None = None
    _credit_waiter: asyncio.Future[None] | None = None
    _waiter: asyncio.Future[None] | None = None
    _sender: asyncio.Task[None] | None = None
    _link: Wire

    def __init__(self, loop: asyncio.AbstractEventLoop, head: bytes, body: bytes) -> None:
        self.head = head
        self.body = body
        self.response: asyncio.Future[bytes] = loop.create_future()

    def start(self, link: Wire, stream: int, now: float) -> None:
        """Begin on a link, or begin again on another one."""
        if self._sender is not None:
            self._sender.cancel()
        self._link = link
        self.stream = stream
        self.started = now
        self._granted = 0
        body = self.body
        if len(body) <= frames.INITIAL_WINDOW:
            self._credit = frames.INITIAL_WINDOW - len(body)
            link.write(frames.encode_invoke(stream, self.head, body))
            return
        self._credit = 0
        first, rest = body[: frames.INITIAL_WINDOW], memoryview(body)[frames.INITIAL_WINDOW :]
        link.write(frames.encode_invoke(stream, self.head, first, end=False))
        self._sender = link.loop.create_task(self._send_rest(rest))
        self.response.add_done_callback(lambda _: self._stop_sending())

    async def _send_rest(self, body: memoryview) -> None:
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
                chunk = chunks.popleft() if len(chunks) == 1 else b"".join(chunks)
                chunks.clear()
                yield chunk
                self.moved = time.monotonic()
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

    def took_error(self, failure: InvocationFailed) -> None:
        """The sandbox says that it failed."""
        self.fail(failure)

    def abandon(self, failure: InvocationFailed) -> None:
        """Tell the caller it failed, though the sandbox has not ended it yet."""
        self.abandoned = True
        self._tell(failure)

    def took_credit(self, credit: int) -> None:
        """The sandbox can take so many more body bytes."""
        self._credit += credit
        self._granted += credit
        if not credit or self._granted > len(self.body):
            raise LinkError("credit for more body than there is")
        if self._credit_waiter is not None and not self._credit_waiter.done():
            self._credit_waiter.set_result(None)

    def took_response(self, payload: bytes, end: bool) -> None:
        """The answer's head and first body bytes."""
        if self.streamed:
            raise LinkError("a second answer for one invocation")
        if not end:
            first = len(frames.split_head(payload)[1])
            self._take_body(first)
            self._taken = first
            self.moved = time.monotonic()
        self.streamed = True
        self.ended = self.whole = end
        if not self.response.done():
            self.response.set_result(payload)

    def took_data(self, chunk: bytes, end: bool) -> None:
        """More body of the answer."""
        if not self.streamed:
            raise LinkError("body before head")
        if not chunk and not end:
            raise LinkError("a part of a body without a byte")
        self._take_body(len(chunk))
        self.ended = end
        if self.abandoned:
            self._renew(len(chunk))
            return
        self.moved = time.monotonic()
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(chunk)
        self._wake()

    def _take_body(self, size: int) -> None:
        self._window -= size
        self._received += size
        if self._window < 0:
            raise LinkError("more body than credit")
        if self._received > self.max_body:
            raise LinkError(f"an answer of more than {self.max_body} bytes")

    def _stop_sending(self) -> None:
        if self._sender is not None:
            self._sender.cancel()

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
            self._window += self._taken
            self._link.write(frames.encode_window(self.stream, self._taken))
            self._taken = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.ended and self._credit_waiter is not None and not self._credit_waiter.done():
            self._credit_waiter.set_result(None)
