"""Fixtures of the escape suite: a stock snapshot for the bare runner, and canaries."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from escape import runners
from escape.neighbour import move_in
from escape.world import ENVIRONMENT, World
from picloud.store.database import make_pool
from support.node import NodeProcess, running_node
from support.postgres import PostgresServer

# On a busy machine a sandbox takes its time to boot; no case is about that.
PATIENT = {"PICLOUD_QUEUE_TIMEOUT_MS": "30000"}


@pytest.fixture(scope="session")
def stock_snapshot() -> Iterator[Path]:
    """A snapshot of stock Pyodide, readable by everybody."""
    with tempfile.TemporaryDirectory(prefix="picloud-stock-") as directory:
        Path(directory).chmod(0o755)
        yield runners.make_stock_snapshot(Path(directory))


@pytest.fixture
def world() -> Iterator[World]:
    """Fresh canaries."""
    world = World()
    yield world
    world.close()


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """One database for all cases."""
    name = f"escape_{request.module.__name__.rpartition('.')[2]}"
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE picloud_template STRATEGY file_copy")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(database: str, snapshot: Path) -> AsyncIterator[NodeProcess]:
    """One node for all cases of a module, with a secret in its environment."""
    async with (
        make_pool(database, name="picloud tests") as pool,
        running_node(pool, database, snapshot, {**ENVIRONMENT, **PATIENT}) as node,
    ):
        await move_in(node)
        yield node
