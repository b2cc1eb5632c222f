"""Answers that leave in pieces, no faster than the executor gives credit for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from _picloud import answers, deadline, failures, logs
from _picloud.deadline import TimeLimit
from _picloud.failures import AnswerError
from _picloud.invocation import Foreground, Invocation, Limits, running
from _picloud.outbox import END, FRAME_MAX, outbox

CLEAN_UP = 500.0  # ms that the clean-up of a cancelled generator may take


class Draining:
    """A body that is there as a whole but larger than the credit."""

    def __init__(self, inv: Invocation, head: bytes, data: bytes) -> None:
        self.inv = inv
        self._rest = memoryview(data)
        self._head = head

    def step(self) -> bool:
        """Send what the credit allows; True when all is sent."""
        inv = self.inv
        while inv.credit > 0 and self._rest:
            size = min(inv.credit, FRAME_MAX, len(self._rest))
            part, self._rest = self._rest[:size], self._rest[size:]
            inv.credit -= size
            flags = 0 if self._rest else END
            if inv.head_sent:
                outbox.data(inv, part, flags)
            else:
                outbox.response(inv, self._head, bytes(part), flags)
        return inv.ended


def send_whole(inv: Invocation, head: bytes, body: bytes) -> None:
    """Answer with a body that is there: in one frame, or in pieces if it is large."""
    size = len(body)
    if size > Limits.answer_bytes:
        raise too_large(size)
    if inv.struck:
        raise TimeLimit
    if inv.out or inv.err or inv.log_dropped:
        logs.finish(inv)
    if size <= FRAME_MAX:
        outbox.response(inv, head, body)
        return
    draining = Draining(inv, with_length(head, size), body)
    if not draining.step():
        running[inv.stream] = draining


def with_length(head: bytes, size: int) -> bytes:
    """The head of an answer that does not fit into one frame, though its size is known."""
    return b"%b\ncontent-length:%d" % (head, size)


def too_large(size: int) -> AnswerError:
    """What is wrong with an answer of so many bytes."""
    message = f"the answer is {size} bytes; allowed are response_bytes={Limits.answer_bytes}"
    return AnswerError(message, "answer_too_large")


class Chunks:
    """The sending side of a streamed answer: head with the first chunk, then the others.

    `head` makes the head; it is given the kind of the first chunk, `text` or `bytes`.
    """

    def __init__(self, inv: Invocation, head: Callable[[str], bytes]) -> None:
        self.inv = inv
        self.rest = memoryview(b"")
        self._head = head

    def put(self, chunk: object) -> None:
        """Take the next chunk; the first one decides the default content type."""
        data = answers.encode_chunk(chunk)
        inv = self.inv
        inv.sent += len(data)
        if inv.sent > Limits.answer_bytes:
            raise too_large(inv.sent)
        if inv.struck:
            raise TimeLimit
        if not inv.head_sent:
            self.send_head("text" if isinstance(chunk, str) else "bytes")
        restart_clock(inv)
        self.rest = memoryview(data)

    def send_head(self, kind: str) -> None:
        """The head alone; also that of a stream without a single chunk."""
        outbox.response(self.inv, self._head(kind), b"", 0)

    def flush(self) -> bool:
        """Send what the credit allows; True when nothing is left."""
        inv = self.inv
        while self.rest:
            size = min(inv.credit, FRAME_MAX, len(self.rest))
            if size <= 0:
                return False
            inv.credit -= size
            outbox.data(inv, self.rest[:size])
            self.rest = self.rest[size:]
        return True

    def end(self) -> None:
        """No more chunks will come."""
        if not self.inv.head_sent:
            self.send_head("text")
        finish_stream(self.inv)


def finish_stream(inv: Invocation) -> None:
    """The end of a streamed answer."""
    if not inv.ended:
        logs.finish(inv)
        outbox.data(inv, b"", END)


def restart_clock(inv: Invocation) -> None:
    """A stream's time runs from chunk to chunk."""
    inv.limit = "stream_idle_ms"
    inv.due = deadline.now() + Limits.stream_idle_ms


class Stepping:
    """A synchronous generator: it has the interpreter until it is done, one chunk at a time."""

    def __init__(
        self,
        inv: Invocation,
        generator: GeneratorType[Any, Any, Any],
        head: Callable[[str], bytes],
    ) -> None:
        self.inv = inv
        self._generator = generator
        self._chunks = Chunks(inv, head)
        self._context: Context = copy_context()

    def step(self) -> bool:
        """Send the next chunk if there is credit; True when the stream has ended."""
        if not self._chunks.flush() or self.inv.credit <= 0:
            return False
        Foreground.invocation = self.inv
        try:
            deadline.arm(self.inv.due)
            try:
                chunk = self._context.run(next, self._generator)
            except StopIteration:
                self._chunks.end()
                return True
            self._chunks.put(chunk)
            self._chunks.flush()
            return False
        except BaseException as error:
            self._close()
            failures.fail(self.inv, error)
        finally:
            deadline.disarm()
        return True

    def close(self) -> None:
        """Run the generator's own clean-up, because nobody wants the rest."""
        Foreground.invocation = self.inv
        self.inv.due = deadline.now() + CLEAN_UP
        try:
            deadline.arm(self.inv.due)
            self._close()
        finally:
            deadline.disarm()

    def _close(self) -> None:
        try:
            self._context.run(self._generator.close)
        except BaseException as error:
            # What it raises then no longer matters to anybody but the script's author.
            logs.record(self.inv, 30, logs.TRACEBACK, failures.format_traceback(error))


async def stream_from_task(inv: Invocation, result: object) -> bool:
    """Stream a generator of either kind from inside its task; False if it is neither."""
    body, status, headers = answers.unpack(result)
    if not answers.is_stream(body):
        return False
    chunks = Chunks(inv, partial(answers.encode_head, status, headers))
    if isinstance(body, AsyncGeneratorType):
        try:
            async for chunk in body:
                await send(chunks, chunk)
        finally:
            await body.aclose()
    elif isinstance(body, GeneratorType):
        try:
            for chunk in body:
                await send(chunks, chunk)
                await asyncio.sleep(0)
        finally:
            body.close()
    if inv.cancelled:
        raise asyncio.CancelledError
    if not inv.head_sent:
        chunks.send_head("text")
    return True


async def send(chunks: Chunks, chunk: object) -> None:
    """Send one chunk from inside a task, as soon as there is credit for it."""
    chunks.put(chunk)
    inv = chunks.inv
    while not chunks.flush():
        inv.room = asyncio.get_running_loop().create_future()
        try:
            await inv.room
        finally:
            inv.room = None
    outbox.flush()
