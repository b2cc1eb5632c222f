"""The memory snapshot a sandbox boots from, made on this machine for its Node.js and Pyodide."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picloud import assets
from picloud.setup import runner
from picloud.setup.commands import Commands
from picloud.setup.stamps import Inputs
from picloud.setup.steps import Step

_EVERYBODY_READS: Final = 0o755  # sandboxes run as users of their own
_PYODIDE_FILES: Final = ("package.json", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")


def ensure(cache_dir: Path) -> Path:
    """The snapshot of this installation, made now if need be; `SetupError` when it can't be."""
    step = _step(cache_dir / "snapshots")
    state = cache_dir / "setup"
    before = runner.made(step, state)
    runner.ensure([step], state)
    now = runner.made(step, state)
    for old in set(before) - set(now):
        old.unlink(missing_ok=True)
    return now[0]


def existing(cache_dir: Path) -> Path | None:
    """The snapshot of this installation when it is up to date."""
    step = _step(cache_dir / "snapshots")
    state = cache_dir / "setup"
    return runner.made(step, state)[0] if runner.complete([step], state) else None


def _step(directory: Path) -> Step:
    host = assets.sandbox_host()
    pyodide = host / "node_modules" / "pyodide"
    inputs = (
        *(assets.node_binary(), host / "dist", host / "guest", host / "node-flags.json"),
        *(pyodide / name for name in _PYODIDE_FILES),
    )

    def make(commands: Commands) -> Sequence[Path]:
        directory.mkdir(parents=True, exist_ok=True)
        directory.parent.chmod(_EVERYBODY_READS)
        directory.chmod(_EVERYBODY_READS)
        program = [str(assets.node_binary()), str(host / "dist" / "make-snapshot.js")]
        key = subprocess.run([*program, "--key"], capture_output=True, text=True, check=False)
        file = directory / f"{key.stdout.strip() or 'unknown'}.bin"
        commands.run([*program, "--out", str(file)])
        file.chmod(0o644)
        return [file]

    return Step(
        name=f"snapshot-{assets.installation()}",
        title="memory snapshot",
        inputs=Inputs(files=inputs),
        outputs=(),
        make=make,
    )
