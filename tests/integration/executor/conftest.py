"""Fixtures of the executor's tests: a place both users can read, and spawners of either."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from picloud.executor.sandbox_process import Spawner
from support import sandboxes


@pytest.fixture(params=sandboxes.users(), ids=lambda user: f"user-{user}")
def user(request: pytest.FixtureRequest) -> int:
    """Whom the jailed process runs as."""
    return int(request.param)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory every user can read, as pytest's own is closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="picloud-jail-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def host(place: Path) -> Path:
    """A stand-in for the sandbox host."""
    return sandboxes.make_host(place / "host")


@pytest.fixture
async def spawner(user: int) -> AsyncIterator[Spawner]:
    """A spawner of that user."""
    spawner = sandboxes.spawner_as(user)
    yield spawner
    await spawner.close()
