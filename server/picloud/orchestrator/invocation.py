"""One invocation on its way through the node: an exchange that knows what it is for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from picloud.domain.fetch import MAX_FETCHES, Fetch
from picloud.domain.invocation import Outcome
from picloud.executor import frames
from picloud.executor.exchange import Exchange
from picloud.executor.messages import InvocationFailed, LinkError
from picloud.telemetry.records import without_nul

if TYPE_CHECKING:
    from uuid import UUID

    from picloud.domain.redaction import Redactor
    from picloud.orchestrator.refusals import Refused
    from picloud.orchestrator.routing import Found
    from picloud.telemetry.writer import RecordWriter

_CLOCK_SLACK_US: Final = 1_000_000  # how far a sandbox's clock reading may be off ours
EXTRA_LOG_BYTES: Final = 65_536  # the guest's own "N bytes dropped" record and rounding
LEAST_LOG_BYTES: Final = 128  # what a record counts at least; the guest counts alike


class Invocation(Exchange):
    """A request for one version, from arrival until its record is written."""

    # As in Exchange: what most invocations never change.
    bytes_out = 0
    cold = False
    fetches: list[Fetch] | None = None
    cpu = 0.0  # seconds of processor time, as far as measured
    expired = 0.0  # when it met a limit, in monotonic seconds; 0: not yet
    finished = False
    hops = 0  # of scripts calling scripts, up to this one
    left = 0.0  # when the caller left; 0: still there
    log_bytes = 0
    log_count = 0
    redact: Redactor | None = None  # hides the secrets its sandbox was given
    redispatched = 0
    watcher: asyncio.Task[None] | None = None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        writer: RecordWriter,
        found: Found,
        id: UUID,
        method: str,
        head: bytes,
        body: bytes,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    ) -> None:
        super().__init__(loop, head, body)
        self.writer = writer
        self.found = found
        self.target = found.target
        self.id = id
        self.method = method
        self.arrived = time.monotonic()
        self.arrived_us = time.time_ns() // 1000
        self.receive = receive

    def took_log(self, payload: bytes, limit: int) -> None:
        """Keep one LOG payload of this invocation. Raises LinkError when it can't be one."""
        level, stream, logged_at, text = frames.decode_log(payload)
        self.log_bytes += max(len(text), LEAST_LOG_BYTES)
        if self.log_bytes > limit + EXTRA_LOG_BYTES:
            raise LinkError(f"more log output than log_bytes={limit} allows")
        now = time.time_ns() // 1000
        if not self.arrived_us - _CLOCK_SLACK_US <= logged_at <= now + _CLOCK_SLACK_US:
            logged_at = now
        if self.redact is not None:
            text = self.redact(text)
        self._add_log(level, stream, logged_at, without_nul(text))

    def took_fetch(self, fetch: Fetch) -> None:
        """Remember a request to the outside."""
        if self.fetches is None:
            self.fetches = []
        if len(self.fetches) < MAX_FETCHES:
            self.fetches.append(fetch)

    def note(self, level: int, text: str) -> None:
        """Add a record of the platform's own to this invocation's log."""
        self._add_log(level, frames.PLATFORM, time.time_ns() // 1000, text)

    def watch_caller(self) -> None:
        """Cancel when the caller closes the connection; for answers that take a while."""
        if self.watcher is None and not self.finished:
            self.watcher = self.response.get_loop().create_task(self._cancel_when_left())

    async def _cancel_when_left(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        if not self.ended:
            self.give_up(
                InvocationFailed(Outcome.CANCELLED, "cancelled", "the caller closed the connection")
            )

    def refuse(self, refusal: Refused) -> None:
        """It will not be run."""
        if not self.response.done():
            self.response.set_exception(refusal)
            self.response.exception()  # seen: the caller may have left

    def took_error(self, failure: InvocationFailed) -> None:
        """The sandbox says it failed; for a run that took too long the words are ours."""
        if failure.outcome is Outcome.TIMEOUT:
            said = f"the invocation ran longer than timeout_ms={self.target.limits.timeout_ms}"
            failure = InvocationFailed(Outcome.TIMEOUT, "timeout", said)
        super().took_error(failure)

    def _tell(self, failure: InvocationFailed) -> None:
        super()._tell(redacted(failure, self.redact))

    def give_up(self, failure: InvocationFailed) -> None:
        """Nobody wants the rest of its answer."""
        self.left = time.monotonic()
        self.cancel()
        self.abandon(failure)

    def finish(self, status: int | None, failure: InvocationFailed | None = None) -> None:
        """Write the record, once: what became of it, as its caller saw it."""
        if self.finished:
            return
        self.finished = True
        if self.watcher is not None:
            self.watcher.cancel()
        now = time.monotonic()
        writer = self.writer
        writer.seq += 1
        writer.add_invocation(
            writer.pack.invocation(
                writer.seq,
                self.id.bytes,
                self.found.row_ids,
                (
                    "ok" if failure is None else failure.outcome.value,
                    self.method,
                    self.found.path,
                    status,
                ),
                (
                    self.arrived_us,
                    int((now - self.arrived) * 1e6),
                    int(max(0.0, self.started - self.arrived) * 1e6),
                ),
                self.cold,
                (len(self.body), self.bytes_out),
                None if failure is None else (failure.code, without_nul(failure.message)),
                self.fetches,
            )
        )

    def _add_log(self, level: int, stream: int, logged_at: int, text: str) -> None:
        writer = self.writer
        writer.seq += 1
        self.log_count += 1
        writer.add_log(
            writer.pack.log(
                writer.seq,
                self.id.bytes,
                self.found.row_ids,
                (self.log_count, level, stream),
                logged_at,
                text,
            )
        )


def redacted(failure: InvocationFailed, redact: Redactor | None) -> InvocationFailed:
    """The failure without the values of secrets."""
    if redact is None:
        return failure
    return InvocationFailed(failure.outcome, failure.code, redact(failure.message))
