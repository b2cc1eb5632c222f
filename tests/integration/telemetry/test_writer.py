"""Records reach PostgreSQL in order, once, and wait while it is away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from picloud.domain.fetch import Fetch
from picloud.domain.ids import IdMaker
from picloud.store.database import Connection, Pool, connect
from picloud.telemetry.records import version_ids
from picloud.telemetry.writer import RecordWriter

IDS = IdMaker()
VERSION = version_ids(IDS.new(), IDS.new(), IDS.new())


def now_us() -> int:
    return time.time_ns() // 1000


def invocation(writer: RecordWriter, id: UUID | None = None) -> bytes:
    writer.seq += 1
    what = ("ok", "GET", "/hello", 200)
    times, sizes = (now_us(), 1, 0), (0, 2)
    return writer.pack.invocation(
        writer.seq, (id or IDS.new()).bytes, VERSION, what, times, False, sizes, None
    )


def log(writer: RecordWriter, text: str) -> bytes:
    writer.seq += 1
    return writer.pack.log(writer.seq, IDS.new().bytes, VERSION, (1, 20, 1), now_us(), text)


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


async def test_every_field_arrives_as_it_was_packed(pool: Pool, database_url: str) -> None:
    writer = RecordWriter(lambda: connect(database_url, name="w"), node_number=3)
    app_id, script_id, version_id, id, seq = *(IDS.new() for _ in range(4)), 2**40
    ids = version_ids(app_id, script_id, version_id)
    failure = ("script_raised", "ValueError: größer 😀")
    started = 1_763_769_600_123_456
    fetch = Fetch(method="GET", host="a.example", port=443, status=200, error=None, bytes_in=5)
    async with running(writer):
        what = ("script_error", "POST", "/ä", 500)
        writer.add_invocation(
            writer.pack.invocation(
                *(seq, id.bytes, ids, what, (started, 12_345, 6), True, (2**33, 7), failure),
                [fetch, Fetch(method="PUT", host="b.example", port=80, started=time.monotonic())],
            )
        )
        what_else = ("timeout", "GET", "/", None)
        writer.add_invocation(
            writer.pack.invocation(
                seq + 1, IDS.new().bytes, ids, what_else, (started, 0, 0), False, (0, 0), None
            )
        )
        writer.add_log(writer.pack.log(seq, id.bytes, ids, (9, 40, 4), started, "Zeile\n😀"))
    full, empty = await pool.fetch("SELECT * FROM invocations ORDER BY seq")
    first, second = json.loads(full["fetches"])
    assert first == {
        **{"method": "GET", "host": "a.example", "port": 443, "status": 200, "error": None},
        **{"duration_ms": 0, "bytes_out": 0, "bytes_in": 5},
    }
    assert (second["status"], second["error"]) == (None, "unfinished")
    assert empty["fetches"] is None
    assert dict(full) == {
        "fetches": full["fetches"],
        "id": id,
        "node_number": 3,
        "seq": seq,
        "app_id": app_id,
        "script_id": script_id,
        "version_id": version_id,
        "trigger": "http",
        "outcome": "script_error",
        "method": "POST",
        "path": "/ä",
        "status": 500,
        "started_at": datetime.fromtimestamp(started / 1e6, UTC),
        "duration_us": 12_345,
        "queue_us": 6,
        "cold": True,
        "bytes_in": 2**33,
        "bytes_out": 7,
        "error_code": failure[0],
        "error": failure[1],
    }
    assert (empty["status"], empty["error_code"], empty["error"]) == (None, None, None)
    (record,) = await pool.fetch("SELECT * FROM log_records")
    assert (record["number"], record["level"], record["stream"]) == (9, 40, "traceback")
    assert (record["text"], record["invocation_id"]) == ("Zeile\n😀", id)
    assert record["logged_at"] == datetime.fromtimestamp(started / 1e6, UTC)
