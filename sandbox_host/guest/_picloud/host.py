"""What the host gives to Python: the functions of capabilities.ts, and nothing else."""

from __future__ import annotations

from typing import Protocol

HOME = "/home/pyodide"  # where every script begins, and where its files are


class Host(Protocol):
    """All take and give numbers; bytes go through buffers in the interpreter's own memory."""

    def send(self, size: int, /) -> None:
        """Write the first bytes of the outbox to the link."""

    def wake(self) -> None:
        """Ask for the floor soon, when nothing else would give it."""

    def call_write(self, size: int, /) -> None:
        """Write the first bytes of `calls.buffer` to the call socket; blocks."""

    def call_read(self, size: int, /) -> int:
        """Read at most this many bytes from there into it; blocks, 0 at the end."""

    def sleep(self, milliseconds: float, /) -> None:
        """Block the whole sandbox."""
