"""One world for all tests of the matrix."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from integration.manager.authorisation.world import World, open_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_database_url: str) -> AsyncIterator[World]:
    """Built once; every test leaves it as it was."""
    async with open_world(shared_database_url) as built:
        yield built
