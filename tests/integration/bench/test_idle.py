"""Counting statements at a real PostgreSQL."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from picloud.bench import idle


async def window(url: str, database: str, during: asyncpg.Connection | None) -> idle.Statements:
    """What is counted over a window in which `during`, if given, runs one statement."""
    before = await idle.look(url, database)
    if during is not None:
        await during.fetchval("SELECT 41 + 1")
    return (await idle.look(url, database, since=before)).statements


@pytest.fixture
def database(empty_database_url: str) -> str:
    return urlsplit(empty_database_url).path.removeprefix("/")


async def test_a_quiet_connection_is_not_counted(empty_database_url: str, database: str) -> None:
    ours = await asyncpg.connect(empty_database_url)
    try:
        await ours.fetchval("SELECT 1")
        await flushed(empty_database_url, database, sessions=1)
        found = await window(elsewhere(empty_database_url, database), database, None)
    finally:
        await ours.close()
    assert found.count == 0


async def test_a_statement_of_an_open_connection_is_counted(
    empty_database_url: str, database: str
) -> None:
    ours = await asyncpg.connect(empty_database_url)
    try:
        await ours.fetchval("SELECT 1")
        await flushed(empty_database_url, database, sessions=1)
        found = await window(elsewhere(empty_database_url, database), database, ours)
    finally:
        await ours.close()
    assert found.recent == ("SELECT 41 + 1",)
    assert found.count == 1
    assert "SELECT 41 + 1" in found.note(60)


async def test_a_connection_that_came_and_went_is_counted(
    empty_database_url: str, database: str
) -> None:
    outside = elsewhere(empty_database_url, database)
    before = await idle.look(outside, database)
    ours = await asyncpg.connect(empty_database_url)
    await ours.fetchval("SELECT 1")
    await ours.close()
    await flushed(empty_database_url, database, sessions=before.sessions + 1)
    found = (await idle.look(outside, database, since=before)).statements
    assert found.sessions == 1
    assert found.count >= 1


def elsewhere(url: str, database: str) -> str:
    """The same server's own database."""
    return url.replace(f"/{database}?", "/postgres?")


async def flushed(url: str, database: str, *, sessions: int) -> None:
    """Wait until the server's counters know of so many sessions."""
    for _ in range(600):
        if (await idle.look(elsewhere(url, database), database)).sessions >= sessions:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the server never counted {sessions} sessions")
