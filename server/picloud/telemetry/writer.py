"""The log pipeline: a bounded buffer, written to PostgreSQL in batches by COPY.

Nothing here runs on a request's own way: rows are appended to lists, a single writer task takes
them. One writer per node and batches in order make `seq` increase in commit order, which live
tails rely on.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from picloud.telemetry.records import (
    COPY_END,
    COPY_HEAD,
    INVOCATION_COLUMNS,
    LOG_COLUMNS,
    RowPacker,
)

logger = logging.getLogger(__name__)

BATCH_SECONDS: Final = 0.1  # at most this long between two batches under load
FIRST_SECONDS: Final = 0.005  # after a quiet time: wait only for what comes along
BATCH_ROWS: Final = 10_000
BUFFER_ROWS: Final = 200_000  # rows kept while PostgreSQL is away; more are dropped and counted
BACK_OFF_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
CHANNEL: Final = "picloud_records"


class RecordWriter:
    """Takes rows at once and writes them soon. `dropped` counts what found the buffer full."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]],
        *,
        node_number: int,
        buffer_rows: int = BUFFER_ROWS,
    ) -> None:
        self.node_number = node_number
        self.pack = RowPacker(node_number)
        self.dropped = 0
        # Node-wide, increasing across restarts: no node writes a million rows a second for long.
        self.seq = time.time_ns() // 1000
        self._connect = connect
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._buffer_rows = buffer_rows
        self._invocations: list[bytes] = []
        self._logs: list[bytes] = []
        self._arrived = asyncio.Event()
        self._closing = False

    def add_invocation(self, row: bytes) -> None:
        """Remember an invocation that has ended."""
        if len(self._invocations) >= self._buffer_rows:
            self.dropped += 1
            return
        self._invocations.append(row)
        self._arrived.set()

    def add_log(self, row: bytes) -> None:
        """Remember a log record."""
        if len(self._logs) >= self._buffer_rows:
            self.dropped += 1
            return
        self._logs.append(row)
        self._arrived.set()

    async def run(self) -> None:
        """Write until `close`; then write what is left."""
        last = 0.0
        loop = asyncio.get_running_loop()
        try:
            while not (self._closing and not self._waiting()):
                await self._arrived.wait()
                if not self._closing:
                    await asyncio.sleep(max(FIRST_SECONDS, last + BATCH_SECONDS - loop.time()))
                self._arrived.clear()
                last = loop.time()
                await self._write_waiting()
        finally:
            if self._connection is not None:
                self._connection.terminate()

    def close(self) -> None:
        """Ask `run` to write what is left and return."""
        self._closing = True
        self._arrived.set()

    def _waiting(self) -> bool:
        return bool(self._invocations or self._logs)

    async def _write_waiting(self) -> None:
        attempt = 0
        while self._waiting():
            try:
                # Logs first: who sees an invocation finds what it said.
                await self._copy("log_records", LOG_COLUMNS, self._logs)
                await self._copy("invocations", INVOCATION_COLUMNS, self._invocations)
                await (await self._connected()).execute(f"NOTIFY {CHANNEL}, '{self.node_number}'")
            except Exception as error:  # the driver's many words for a broken connection
                await self._lost_connection(error, attempt)
                attempt += 1
                if self._closing and attempt > len(BACK_OFF_SECONDS):
                    self._give_up()
            else:
                attempt = 0

    async def _copy(self, table: str, columns: tuple[str, ...], rows: list[bytes]) -> None:
        """Write the oldest rows in one COPY, which takes effect whole or not at all."""
        batch = rows[:BATCH_ROWS]
        if not batch:
            return
        connection = await self._connected()
        try:
            data = io.BytesIO(b"".join((COPY_HEAD, *batch, COPY_END)))
            await connection.copy_to_table(table, source=data, columns=columns, format="binary")
        except asyncpg.UniqueViolationError:
            logger.info("a batch had been committed before its connection was lost")
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            self.dropped += len(batch)
            logger.exception("a batch was refused", extra={"rows": len(batch)})
        del rows[: len(batch)]

    async def _connected(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None:
            self._connection = await self._connect()
        return self._connection

    async def _lost_connection(self, error: Exception, attempt: int) -> None:
        logger.warning(
            "records wait for PostgreSQL: %s", error, extra={"rows": len(self._invocations)}
        )
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        if not self._closing:
            # A close in the meantime must not wait for the back-off.
            with contextlib.suppress(TimeoutError):
                await asyncio.sleep(BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS) - 1)])

    def _give_up(self) -> None:
        self.dropped += len(self._invocations) + len(self._logs)
        logger.error("records dropped at the end", extra={"rows": self.dropped})
        self._invocations.clear()
        self._logs.clear()
