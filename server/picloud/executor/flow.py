"""Flow control of a stream protocol: who writes much waits until the other side has read."""

from __future__ import annotations

import asyncio


class PausableProtocol(asyncio.Protocol):
    """A protocol whose writers can wait for room in its transport."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    async def writable(self) -> None:
        """Wait until the other side has taken most of what was written, or is gone."""
        await self._room.wait()

    def released(self) -> None:
        """The other side is gone: nobody waits for it."""
        self._room.set()
