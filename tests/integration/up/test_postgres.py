"""The embedded PostgreSQL: made once, started anywhere, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from picloud.postgres import EmbeddedPostgres, PostgresUnusableError


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory nobody else may enter, with a space in its name."""
    outer = Path(tempfile.mkdtemp(prefix="picloud test "))
    yield outer / "postgres"
    shutil.rmtree(outer)


async def test_it_starts_under_a_directory_closed_to_its_user_and_keeps_data(home: Path) -> None:
    async with EmbeddedPostgres(home) as server:
        db = await asyncpg.connect(server.url())
        await db.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        durable = [await db.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
        await db.close()
    async with EmbeddedPostgres(home) as server:
        db = await asyncpg.connect(server.url())
        assert await db.fetchval("SELECT n FROM kept") == 7
        await db.close()
    assert durable == ["on", "on"]


async def test_a_stale_pid_file_does_not_stop_the_next_start(home: Path) -> None:
    async with EmbeddedPostgres(home):
        pass
    (home / "data" / "postmaster.pid").write_text(
        f"{os.getpid()}\n/nowhere\n1\n5432\n\n\n1 1\nready\n"
    )
    async with EmbeddedPostgres(home) as server:
        db = await asyncpg.connect(server.url())
        assert await db.fetchval("SELECT 1") == 1
        await db.close()


async def test_a_server_left_running_is_ended_first(home: Path) -> None:
    first = EmbeddedPostgres(home)
    first.start()
    second = EmbeddedPostgres(home)
    async with second:
        db = await asyncpg.connect(second.url())
        assert await db.fetchval("SELECT 1") == 1
        await db.close()
    first.stop()


async def test_it_recovers_from_a_kill(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    db = await asyncpg.connect(server.url())
    await db.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    pid = int((home / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    server.stop()
    db.terminate()
    async with EmbeddedPostgres(home) as again:
        db = await asyncpg.connect(again.url())
        assert await db.fetchval("SELECT n FROM kept") == 7
        await db.close()


def test_data_of_another_major_version_are_refused_in_one_sentence(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.prepare()
    (home / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(PostgresUnusableError, match="belongs to PostgreSQL 15"):
        server.prepare()
