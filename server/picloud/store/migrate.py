"""The migration runner: numbered plain SQL files, each in a transaction of its own.

A file is `NNNN_what_it_does.sql`. What was applied is kept with its checksum: a file that changed
afterwards, or a database newer than this program, stops the start with a clear error. Several
processes at once queue on an advisory lock. Why it is our own: docs/adr/0003-migrations.md.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from picloud.errors import PlatformError
from picloud.store.database import Connection, Executor

logger = logging.getLogger(__name__)

LOCK_KEY: Final = 0x70_69_63_6C_6F_75_64  # "picloud"
LOCK_TIMEOUT: Final = "10s"  # a migration never queues longer behind a running query
STATEMENT_TIMEOUT: Final = "10min"
_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_CREATE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer CONSTRAINT schema_migration_pkey PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(PlatformError):
    """The database schema and this program do not fit together."""

    code = "migration_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Changes when the file does."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load() -> tuple[Migration, ...]:
    """The migrations of this program in order; numbers start at 1 and have no gap."""
    files = resources.files("picloud.store").joinpath("migrations").iterdir()
    return arrange((file.name, file.read_text(encoding="utf-8")) for file in files)


def arrange(files: Iterable[tuple[str, str]]) -> tuple[Migration, ...]:
    """Order the `.sql` files by number and refuse names or gaps that make no sense."""
    found: list[Migration] = []
    for name, sql in sorted(files):
        if not name.endswith(".sql"):
            continue
        match = _NAME.match(name)
        if match is None:
            raise MigrationError(f"{name} is not named like 0001_what_it_does.sql")
        found.append(Migration(number=int(match[1]), name=name, sql=sql))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError("the numbers of the migrations have a gap or a double")
    return tuple(found)


async def migrate(db: Connection, migrations: Sequence[Migration] | None = None) -> int:
    """Bring the schema up to date and return how many migrations ran."""
    wanted = load() if migrations is None else migrations
    await db.execute("SELECT set_config('lock_timeout', '0', false)")
    await db.execute("SELECT set_config('statement_timeout', '0', false)")
    await db.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
    try:
        applied = await _applied(db)
        _compare(wanted, applied)
        waiting = wanted[len(applied) :]
        for migration in waiting:
            await _apply(db, migration)
        return len(waiting)
    finally:
        if not db.is_closed():
            await db.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


async def current_version(db: Executor) -> int:
    """The number of the last applied migration, 0 for a database without our schema."""
    exists = await db.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    if not exists:
        return 0
    return int(await db.fetchval("SELECT coalesce(max(number), 0) FROM schema_migrations"))


def latest_version() -> int:
    """The schema version this program needs."""
    return len(load())


async def _applied(db: Connection) -> list[tuple[int, str, str]]:
    await db.execute(_CREATE_TABLE)
    rows = await db.fetch("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
    return [(row["number"], row["name"], row["checksum"]) for row in rows]


def _compare(wanted: Sequence[Migration], applied: Sequence[tuple[int, str, str]]) -> None:
    if len(applied) > len(wanted):
        raise MigrationError(
            f"the database has schema version {len(applied)}, this program knows {len(wanted)}:"
            " it was used by a newer PiCloud"
        )
    for migration, (number, name, checksum) in zip(wanted, applied, strict=False):
        if (migration.number, migration.checksum) != (number, checksum):
            raise MigrationError(f"{name} was changed after it had been applied")


async def _apply(db: Connection, migration: Migration) -> None:
    try:
        async with db.transaction():
            await db.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            await db.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            await db.execute(migration.sql)
            await db.execute(
                "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as exc:
        raise MigrationError(f"{migration.name} failed: {exc}") from exc
    logger.info("migration applied", extra={"migration": migration.name})
