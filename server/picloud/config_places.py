"""Where the platform keeps its files when nothing says otherwise."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOCKET_PATH_BYTES: Final = 100  # sun_path holds 108; the longest name in run_dir is counted too
_LONGEST_SOCKET: Final = "-postgres/.s.PGSQL.5432.lock"  # PostgreSQL has a directory beside it


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where the data live when nothing says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/picloud")
    base = environ.get("XDG_DATA_HOME", "")
    return Path(base if base.startswith("/") else Path.home() / ".local/share") / "picloud"


def default_cache_dir(environ: Mapping[str, str]) -> Path:
    """Where the memory snapshots live: made on this machine, made again when gone."""
    if os.geteuid() == 0:
        return Path("/var/cache/picloud")
    base = environ.get("XDG_CACHE_HOME", "")
    return Path(base if base.startswith("/") else Path.home() / ".cache") / "picloud"


def default_run_dir(data_dir: Path) -> Path:
    """`data_dir/run`, or a short private directory when a socket's path would not fit."""
    near = data_dir / "run"
    if holds_sockets(near):
        return near
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"picloud-{os.geteuid()}-{digest}"


def holds_sockets(directory: Path) -> bool:
    """Whether the paths of the sockets in this run_dir fit into what the kernel takes."""
    return len(os.fsencode(f"{directory}{_LONGEST_SOCKET}")) <= SOCKET_PATH_BYTES
