"""A node whose secrets have a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picloud.store.database import Pool
from support.gate import Gated
from support.node import running_node


@pytest.fixture
async def gated(
    pool: Pool, database_url: str, snapshot: Path, tmp_path: Path
) -> AsyncIterator[Gated]:
    """A node that lets an address try five wrong credentials a minute."""
    key = tmp_path / "secrets.key"
    told = {"PICLOUD_KEY_FILE": str(key), "PICLOUD_AUTH_FAILURES_PER_MINUTE": "5"}
    async with running_node(pool, database_url, snapshot, told) as node:
        yield Gated(node, key)
