"""The real sandbox host, without its jail: started once per test over a socket pair."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.sandbox_client import HOST_DIR, NODE, Box


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory snapshot of the sandbox host as it is now, compiled first if need be."""
    newest = max(
        path.stat().st_mtime
        for pattern in ("sandbox_host/src/**/*.ts", "sandbox_host/guest/*/*.py", "server/pic/*.py")
        for path in HOST_DIR.parent.glob(pattern)
    )
    bundle = HOST_DIR / "dist" / "guest.json"
    if not bundle.exists() or bundle.stat().st_mtime < newest:
        run_node("node_modules/typescript/bin/tsc", "-p", ".")
        run_node("node_modules/typescript/bin/tsc", "-p", "tsconfig.realm.json")
        run_node("dist/prepare-dist.js")
    key = run_node("dist/make-snapshot.js", "--key").strip()
    path = tmp_path_factory.mktemp("snapshot") / f"{key}.snap"
    run_node("dist/make-snapshot.js", "--out", str(path))
    return path


def run_node(*arguments: str) -> str:
    """What a program of the sandbox host prints."""
    done = subprocess.run(
        [NODE, *arguments], cwd=HOST_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def start(snapshot: Path) -> Iterator[Callable[..., Box]]:
    """Starts sandboxes that end with the test."""
    boxes: list[Box] = []

    def start_box(source: str | None = None, path: Path | None = snapshot, **head: Any) -> Box:
        box = Box(path)
        boxes.append(box)
        if source is not None:
            box.bind(source, **head)
        return box

    yield start_box
    for box in boxes:
        box.close()


@pytest.fixture(scope="module")
def blank(snapshot: Path) -> Iterator[Box]:
    """One sandbox for all checks of a module: a check leaves nothing behind."""
    box = Box(snapshot)
    yield box
    box.close()


@pytest.fixture(scope="module")
def evaluator(snapshot: Path) -> Iterator[Box]:
    """A sandbox whose handlers, one of each kind, return what the body says."""
    box = Box(snapshot)
    box.bind(
        "import pic\n"
        "def handler(request):\n"
        "    if request.path == '/async': return later(request)\n"
        "    return eval(request.text())\n"
        "async def later(request):\n"
        "    return eval(request.text())\n"
    )
    yield box
    box.close()
