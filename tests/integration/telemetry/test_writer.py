"""Records reach PostgreSQL in order, once, and wait while it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from picloud.domain.ids import IdMaker
from picloud.store.database import Connection, Pool, connect
from picloud.telemetry.records import Row, utc
from picloud.telemetry.writer import RecordWriter

IDS = IdMaker()
APP, SCRIPT, VERSION = IDS.new(), IDS.new(), IDS.new()


def invocation(writer: RecordWriter, id: UUID | None = None, path: str = "/hello") -> Row:
    writer.seq += 1
    now = utc(time.time_ns() // 1000)
    return (
        *(id or IDS.new(), writer.node_number, writer.seq, APP, SCRIPT, VERSION),
        *("http", "ok", "GET", path, 200, now, 1, 0, False, 0, 2, None, None),
    )


def log(writer: RecordWriter, text: str) -> Row:
    writer.seq += 1
    now = utc(time.time_ns() // 1000)
    return (
        *(writer.node_number, writer.seq, APP, SCRIPT, VERSION, IDS.new()),
        *(1, 20, "stdout", now, text),
    )


@asynccontextmanager
async def running(writer: RecordWriter) -> AsyncIterator[None]:
    task = asyncio.create_task(writer.run())
    try:
        yield
    finally:
        writer.close()
        await asyncio.wait_for(task, 20)


async def count(pool: Pool, table: str) -> int:
    found: int = await pool.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
    return found


async def test_what_was_added_before_a_close_is_written(pool: Pool, database_url: str) -> None:
    writer = RecordWriter(lambda: connect(database_url, name="w"), node_number=1)
    async with running(writer):
        for number in range(2500):
            writer.add_invocation(invocation(writer))
            writer.add_log(log(writer, f"line {number}"))
    assert await count(pool, "invocations") == 2500
    texts = await pool.fetch("SELECT text FROM log_records ORDER BY seq")
    assert [row["text"] for row in texts] == [f"line {number}" for number in range(2500)]


async def test_records_wait_while_postgresql_is_away_and_keep_their_order(
    pool: Pool, database_url: str
) -> None:
    away = True

    async def connecting() -> Connection:
        if away:
            raise ConnectionRefusedError("away")
        return await connect(database_url, name="w")

    writer = RecordWriter(connecting, node_number=1)
    async with running(writer):
        for number in range(10):
            writer.add_log(log(writer, f"line {number}"))
        await asyncio.sleep(0.3)
        assert await count(pool, "log_records") == 0
        away = False
    texts = await pool.fetch("SELECT text FROM log_records ORDER BY seq")
    assert [row["text"] for row in texts] == [f"line {number}" for number in range(10)]
    assert writer.dropped == 0


async def test_a_lost_connection_costs_no_record(pool: Pool, database_url: str) -> None:
    writer = RecordWriter(lambda: connect(database_url, name="cut-me"), node_number=1)
    async with running(writer):
        for number in range(200):
            writer.add_log(log(writer, f"line {number}"))
            if number % 50 == 25:
                await pool.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'cut-me' AND datname = current_database()"
                )
            await asyncio.sleep(0.002)
    assert await count(pool, "log_records") == 200


async def test_a_batch_whose_commit_was_not_heard_of_is_not_written_twice(
    pool: Pool, database_url: str
) -> None:
    writer = RecordWriter(lambda: connect(database_url, name="w"), node_number=1)
    row = invocation(writer)
    async with running(writer):
        writer.add_invocation(row)
    async with running(
        again := RecordWriter(lambda: connect(database_url, name="w"), node_number=1)
    ):
        again.add_invocation(row)
    assert await count(pool, "invocations") == 1
    assert again.dropped == 0


async def test_a_full_buffer_drops_the_newest_and_counts_them(database_url: str) -> None:
    writer = RecordWriter(lambda: connect(database_url, name="w"), node_number=1, buffer_rows=10)
    for _ in range(15):
        writer.add_log(log(writer, "x"))
    assert writer.dropped == 5


async def test_a_batch_is_announced_after_it_can_be_read(pool: Pool, database_url: str) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await connect(database_url, name="listener")

    def on_notify(_: object, _pid: int, _channel: str, payload: object) -> None:
        heard.put_nowait(str(payload))

    await listener.add_listener("picloud_records", on_notify)
    writer = RecordWriter(lambda: connect(database_url, name="w"), node_number=7)
    async with running(writer):
        writer.add_log(log(writer, "x"))
        assert await asyncio.wait_for(heard.get(), 10) == "7"
        assert await count(pool, "log_records") == 1
    await listener.close()


async def test_a_row_postgresql_refuses_does_not_block_the_others(
    pool: Pool, database_url: str
) -> None:
    writer = RecordWriter(lambda: connect(database_url, name="w"), node_number=1)
    async with running(writer):
        writer.add_log(log(writer, "nul \0 is no text"))
        for _ in range(500):
            if writer.dropped:
                break
            await asyncio.sleep(0.02)
        writer.add_log(log(writer, "fine"))
    assert [row["text"] for row in await pool.fetch("SELECT text FROM log_records")] == ["fine"]
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await pool.execute("SELECT $1::text", "\0")
