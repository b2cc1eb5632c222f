"""A running manager for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.manager import Client, RunningManager, fake_node, running_manager


@pytest.fixture
async def manager(database_url: str) -> AsyncIterator[RunningManager]:
    """A manager on a fresh database; its directory is short, for the socket in it."""
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(database_url, Path(directory)) as running:
            yield running


@pytest.fixture
def anonymous(manager: RunningManager) -> Client:
    """Somebody without a session."""
    return manager.client


@pytest.fixture
async def owner(anonymous: Client) -> Client:
    """The owner, logged in."""
    return await anonymous.log_in()


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[list[str]]:
    """Somebody who checks sources; lists the names of the files it has checked."""
    async with fake_node(database_url) as seen:
        yield seen
