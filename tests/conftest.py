"""Fixtures every test may use. `database_url` is a fresh, migrated, real PostgreSQL database."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from picloud.setup import snapshot as snapshots
from picloud.store.database import Pool, connect, make_pool
from picloud.store.migrate import migrate
from support.postgres import PostgresServer, run_apart

TEMPLATE = "picloud_template"
_numbers = itertools.count(1)


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in [name for name in os.environ if name.startswith("PICLOUD_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole run, with a migrated template database."""
    server = PostgresServer()
    try:
        server.create()
        server.start()
        server.execute(f"CREATE DATABASE {TEMPLATE}")

        async def prepare() -> None:
            db = await connect(server.url(TEMPLATE), name="picloud tests")
            try:
                await migrate(db)
            finally:
                await db.close()

        run_apart(prepare)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def snapshot() -> Path:
    """The memory snapshot sandboxes boot from, made as the set-up makes it."""
    cache = Path(tempfile.gettempdir()) / f"picloud-tests-{os.geteuid()}"
    return snapshots.ensure(cache)


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database without any table."""
    yield from _database(postgres_server, "template0")


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database with today's schema."""
    yield from _database(postgres_server, TEMPLATE)


@pytest.fixture(scope="module")
def shared_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database with today's schema, one for all tests of a file."""
    yield from _database(postgres_server, TEMPLATE)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on the fresh database."""
    async with make_pool(database_url, name="picloud tests") as pool:
        yield pool


def _database(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
