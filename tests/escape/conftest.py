"""Fixtures of the escape suite: a stock snapshot for the bare runner, and canaries."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from escape import runners
from escape.world import World


@pytest.fixture(scope="session")
def stock_snapshot() -> Iterator[Path]:
    """A snapshot of stock Pyodide, readable by everybody."""
    with tempfile.TemporaryDirectory(prefix="picloud-stock-") as directory:
        Path(directory).chmod(0o755)
        yield runners.make_stock_snapshot(Path(directory))


@pytest.fixture
def world() -> Iterator[World]:
    """Fresh canaries."""
    world = World()
    yield world
    world.close()
