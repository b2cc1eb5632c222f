"""Who holds a TCP port, as far as the kernel tells us."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LISTEN: Final = "0A"  # the state column of /proc/net/tcp


def holder_of_port(port: int) -> str | None:
    """The name and id of the process that listens on this TCP port, where we may see it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and not sockets.isdisjoint(_open_files(process)):
            name = _read(process / "comm").strip()
            return f"{name} (process {process.name})"
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in _read(Path("/proc/net") / table).splitlines()[1:]:
            column = line.split()
            if column[3] == _LISTEN and int(column[1].rpartition(":")[2], 16) == port:
                yield column[9]


def _open_files(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(entry)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
