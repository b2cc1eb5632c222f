"""`picloud build`: one wheel that holds the built sandbox host, Pyodide and the playground too."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from picloud.setup.commands import Commands

_NOT_SHIPPED: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "_bundle", "*.map", "tests")
_PYODIDE_FILES: Final = (
    *("package.json", "pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"),
    *("python_stdlib.zip", "pyodide-lock.json"),
)


def build(root: Path, target: Path) -> Path:
    """Build into `target` and return the wheel's path; `StepFailedError` when that fails."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="picloud-build-") as name:
        stage, out = Path(name) / "source", Path(name) / "out"
        _copy(root, stage)
        python = [sys.executable, "-I", "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
        commands = Commands(Path(name) / "build.log")
        commands.run([*python, "--disable-pip-version-check", "-w", str(out), str(stage)])
        (wheel,) = out.glob("*.whl")
        return Path(shutil.move(wheel, target / wheel.name))


def _copy(root: Path, stage: Path) -> None:
    stage.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (root / name).is_file():
            shutil.copy2(root / name, stage / name)
    shutil.copytree(root / "server", stage / "server", ignore=_NOT_SHIPPED)
    bundle = stage / "server" / "picloud" / "_bundle"
    host, source = bundle / "sandbox_host", root / "sandbox_host"
    shutil.copytree(source / "dist", host / "dist", ignore=_NOT_SHIPPED)
    shutil.copytree(source / "guest", host / "guest", ignore=_NOT_SHIPPED)
    for file in source.glob("*.json"):
        if file.name in ("package.json", "node-flags.json"):
            shutil.copy2(file, host / file.name)
    pyodide = host / "node_modules" / "pyodide"
    pyodide.mkdir(parents=True)
    for name in _PYODIDE_FILES:
        shutil.copy2(source / "node_modules" / "pyodide" / name, pyodide / name)
    shutil.copytree(root / "playground" / "dist", bundle / "playground")
    shutil.copytree(root / "caddy", bundle / "caddy")
    shutil.copytree(root / "examples", bundle / "examples", ignore=_NOT_SHIPPED)
