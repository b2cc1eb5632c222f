"""The migration runner on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from picloud.domain.limits import Isolation, Limits
from picloud.store import migrate, versions
from picloud.store.database import Connection, connect
from picloud.store.migrate import Migration, MigrationError
from picloud.store.queries import SQL

FIRST = Migration(number=1, name="0001_a.sql", sql="CREATE TABLE a (x int)")
SECOND = Migration(number=2, name="0002_b.sql", sql="CREATE TABLE b (x int)")
BROKEN = Migration(number=2, name="0002_b.sql", sql="CREATE TABLE b (x int); SELECT 1 / 0")


@pytest.fixture
async def db(empty_database_url: str) -> AsyncIterator[Connection]:
    """A connection to a database without any table."""
    connection = await connect(empty_database_url, name="migrations")
    yield connection
    await connection.close()


async def test_all_migrations_apply_to_an_empty_database_and_only_once(db: Connection) -> None:
    assert await migrate.current_version(db) == 0
    assert await migrate.migrate(db) == migrate.latest_version()
    assert await migrate.migrate(db) == 0
    assert await migrate.current_version(db) == migrate.latest_version()


async def test_a_new_migration_runs_on_top_of_the_old_ones(db: Connection) -> None:
    assert await migrate.migrate(db, [FIRST]) == 1
    assert await migrate.migrate(db, [FIRST, SECOND]) == 1
    assert await db.fetchval("SELECT count(*) FROM b") == 0


async def test_a_failing_migration_leaves_nothing_behind(db: Connection) -> None:
    with pytest.raises(MigrationError, match=r"0002_b\.sql failed: division by zero"):
        await migrate.migrate(db, [FIRST, BROKEN])
    assert await migrate.current_version(db) == 1
    assert await db.fetchval("SELECT to_regclass('b')") is None


async def test_a_changed_migration_is_refused(db: Connection) -> None:
    await migrate.migrate(db, [FIRST])
    changed = Migration(number=1, name=FIRST.name, sql="CREATE TABLE a (y int)")
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        await migrate.migrate(db, [changed])


async def test_a_database_of_a_newer_program_is_refused(db: Connection) -> None:
    await migrate.migrate(db, [FIRST, SECOND])
    with pytest.raises(MigrationError, match="used by a newer PiCloud"):
        await migrate.migrate(db, [FIRST])


async def test_two_processes_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    async def run() -> int:
        connection = await connect(empty_database_url, name="migrations")
        try:
            return await migrate.migrate(connection)
        finally:
            await connection.close()

    assert sorted(await asyncio.gather(run(), run())) == [0, migrate.latest_version()]


async def test_limits_of_versions_of_the_first_schema_are_kept(db: Connection) -> None:
    first, *later = migrate.load()
    await migrate.migrate(db, [first])
    app, script, version, deployment = (UUID(int=number) for number in range(1, 5))
    await db.execute("INSERT INTO apps (id, name, created_at) VALUES ($1, 'demo', now())", app)
    await db.execute(
        "INSERT INTO scripts (id, app_id, name, created_at) VALUES ($1, $2, 'hello', now())",
        *(script, app),
    )
    await db.execute(
        "INSERT INTO versions (id, script_id, number, source, source_digest, filename,"
        " entry_points, kind, runtime, timeout_ms, memory_mb, created_at) VALUES"
        " ($1, $2, 1, 'x', $3, 'x.py', '{handler}', 'sync', '314', 60000, 256, now())",
        *(version, script, bytes(32)),
    )
    await db.execute(
        "INSERT INTO deployments (id, script_id, version_id, created_at)"
        " VALUES ($1, $2, $3, now())",
        *(deployment, script, version),
    )
    await db.execute("UPDATE scripts SET active_deployment_id = $1", deployment)
    await migrate.migrate(db, [first, *later])
    [kept] = await versions.get_versions(db, [version])
    assert kept is not None
    assert kept.limits == Limits(timeout_ms=60_000, cpu_ms=60_000, memory_mb=256)
    assert kept.isolation is Isolation.SANDBOX
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await db.execute("UPDATE versions SET kind = 'async'")


async def test_every_query_prepares_against_the_schema(database_url: str) -> None:
    connection = await connect(database_url, name="prepare")
    faults: dict[str, str] = {}
    for name, statement in SQL.items():
        try:
            await connection.prepare(statement)
        except asyncpg.PostgresError as exc:
            faults[name] = str(exc)
    await connection.close()
    assert faults == {}
    assert len(SQL) > 10
