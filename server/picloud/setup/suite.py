"""`picloud test`: lint, types, contracts, the tests of the sandbox host, then pytest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from picloud import assets


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One command; its output is shown when it fails, or always when `loud`."""

    name: str
    command: Sequence[str]
    cwd: Path
    loud: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one check went."""

    name: str
    passed: bool
    seconds: float


def checks(root: Path, arguments: Sequence[str]) -> list[Check]:
    """All checks; with arguments only pytest, which gets them."""
    pytest = Check(name="pytest", command=_module("pytest", *arguments), cwd=root, loud=True)
    if arguments:
        return [pytest]
    host, playground = root / "sandbox_host", root / "playground"
    return [
        Check(name="ruff check", command=_module("ruff", "check", "."), cwd=root),
        Check(name="ruff format", command=_module("ruff", "format", "--check", "."), cwd=root),
        Check(name="mypy", command=_module("mypy", "server", "tests"), cwd=root),
        Check(name="import contracts", command=[_tool("lint-imports")], cwd=root),
        Check(name="sandbox host: lint", command=_npm("run", "lint"), cwd=host),
        Check(name="sandbox host: tests", command=_npm("test"), cwd=host),
        Check(name="playground: build", command=_npm("run", "build"), cwd=playground),
        pytest,
    ]


def run(root: Path, arguments: Sequence[str]) -> bool:
    """Run all of them, one after the other; True when all passed."""
    # A shell starts what it puts into the background with SIGINT ignored, and that is inherited:
    # tests of Ctrl-C would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results = [_run(check) for check in checks(root, arguments)]
    print()
    for result in results:
        state = "passed" if result.passed else "FAILED"
        print(f"{state}  {result.name}  ({result.seconds:.0f} s)")
    return all(result.passed for result in results)


def _run(check: Check) -> Result:
    print(f"=== {check.name}", flush=True)
    began = time.monotonic()
    path = f"{assets.node_binary().parent}{os.pathsep}{os.environ.get('PATH', '')}"
    root = assets.checkout()
    environ = dict(os.environ, PATH=path, PYTHONPATH=str(root / "server") if root else "")
    output = None if check.loud else subprocess.PIPE
    done = subprocess.run(
        check.command,
        cwd=check.cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if check.loud else subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0 and not check.loud:
        print(done.stdout.decode("utf-8", "replace"), flush=True)
    seconds = time.monotonic() - began
    return Result(name=check.name, passed=done.returncode == 0, seconds=seconds)


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _npm(*arguments: str) -> list[str]:
    return [str(assets.node_binary()), str(assets.npm_script()), *arguments]
