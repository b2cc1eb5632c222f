"""Answers that leave in pieces, no faster than the executor gives credit for."""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from _picloud import answers, failures, logs
from _picloud.failures import AnswerError
from _picloud.invocation import Foreground, Invocation, Limits
from _picloud.outbox import DATA, END, FRAME_MAX, outbox


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
                outbox.frame(DATA, flags, inv.stream, part)
            else:
                inv.head_sent = True
                outbox.response(inv.stream, self._head, bytes(part), flags)
        inv.ended = not self._rest
        return inv.ended


class Chunks:
    """The sending side of a streamed answer: head with the first chunk, then the others."""

    def __init__(self, inv: Invocation, status: int, headers: list[tuple[str, str]]) -> None:
        self.inv = inv
        self.rest = memoryview(b"")
        self._status = status
        self._headers = headers

    def put(self, chunk: object) -> None:
        """Take the next chunk; the first one decides the default content type."""
        data = answers.encode_chunk(chunk)
        inv = self.inv
        inv.sent += len(data)
        if inv.sent > Limits.answer_bytes:
            raise AnswerError(
                f"the answer is larger than {Limits.answer_bytes} bytes, which are allowed",
                "answer_too_large",
            )
        if not inv.head_sent:
            kind = "text" if isinstance(chunk, str) else "bytes"
            self.send_head(kind)
        self.rest = memoryview(data)

    def send_head(self, kind: str) -> None:
        """The head alone; also that of a stream without a single chunk."""
        self.inv.head_sent = True
        head = answers.encode_head(self._status, self._headers, kind)
        outbox.response(self.inv.stream, head, b"", 0)

    def flush(self) -> bool:
        """Send what the credit allows; True when nothing is left."""
        inv = self.inv
        while self.rest:
            size = min(inv.credit, FRAME_MAX, len(self.rest))
            if size <= 0:
                return False
            inv.credit -= size
            outbox.frame(DATA, 0, inv.stream, self.rest[:size])
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
        inv.ended = True
        outbox.frame(DATA, END, inv.stream, b"")


class Stepping:
    """A synchronous generator: it has the interpreter until it is done, one chunk at a time."""

    def __init__(
        self,
        inv: Invocation,
        generator: GeneratorType[Any, Any, Any],
        status: int,
        headers: list[tuple[str, str]],
    ) -> None:
        self.inv = inv
        self._generator = generator
        self._chunks = Chunks(inv, status, headers)
        self._context: Context = copy_context()

    def step(self) -> bool:
        """Send the next chunk if there is credit; True when the stream has ended."""
        if not self._chunks.flush() or self.inv.credit <= 0:
            return False
        Foreground.invocation = self.inv
        try:
            chunk = self._context.run(next, self._generator)
            self._chunks.put(chunk)
            self._chunks.flush()
            return False
        except StopIteration:
            self._chunks.end()
        except BaseException as error:
            failures.fail(self.inv, error)
            self.close()
        return True

    def close(self) -> None:
        """Run the generator's own clean-up; what it raises then no longer matters."""
        try:
            self._context.run(self._generator.close)
        except BaseException as error:
            text = failures.format_traceback(error)
            logs.record(self.inv, 30, logs.TRACEBACK, text)


async def stream_from_task(inv: Invocation, result: object) -> bool:
    """Stream a generator of either kind from inside its task; False if it is neither."""
    body, status, headers = answers.unpack(result)
    if not answers.is_stream(body):
        return False
    chunks = Chunks(inv, status, headers)
    if isinstance(body, AsyncGeneratorType):
        try:
            async for chunk in body:
                await _send(chunks, chunk)
        finally:
            await body.aclose()
    elif isinstance(body, GeneratorType):
        try:
            for chunk in body:
                await _send(chunks, chunk)
                await asyncio.sleep(0)
        finally:
            body.close()
    if inv.cancelled:
        raise asyncio.CancelledError
    if not inv.head_sent:
        chunks.send_head("text")
    return True


async def _send(chunks: Chunks, chunk: object) -> None:
    chunks.put(chunk)
    inv = chunks.inv
    while not chunks.flush():
        inv.room = asyncio.get_running_loop().create_future()
        try:
            await inv.room
        finally:
            inv.room = None
    outbox.flush()
