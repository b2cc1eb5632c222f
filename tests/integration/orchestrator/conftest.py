"""A running node per test module's need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picloud.store.database import Pool
from support.node import NodeProcess, running_node


@pytest.fixture
async def node(pool: Pool, database_url: str, snapshot: Path) -> AsyncIterator[NodeProcess]:
    """A node of its own, with the default settings."""
    async with running_node(pool, database_url, snapshot) as node:
        yield node
