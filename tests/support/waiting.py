"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Look until the condition holds; the deadline is the only clock."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.05)
