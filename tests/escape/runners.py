"""Ways to run an attack: in the bare runner, and in the bare runner inside the jail."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from escape.case import Case
from escape.world import ENVIRONMENT, World
from picloud import assets
from picloud.executor.jail.spec import LINK_FD, JailSpec
from picloud.executor.runtime import Runtime, node_binary
from picloud.executor.sandbox_process import SandboxProcess, Spawner
from support import sandboxes

BARE: Final = Path(__file__).parent / "bare" / "run.mjs"
PYODIDE: Final = assets.sandbox_host() / "node_modules" / "pyodide"
MEMORY_MB: Final = 128  # what a script has unless it says otherwise
_BOOT_PATIENCE: Final = 60.0
_PATIENCE: Final = 15.0  # seconds an attack may take
_STUCK: Final = 1.0  # seconds after which one that is meant to is called stuck
_MUCH_MEMORY: Final = 1100 * 1024  # KiB; the jail lets no sandbox have so much
_EFFECT: Final = 3.0  # seconds until an effect shows that outlives its attacker
_SAID: Final = b"\nsaid "


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attack reached, what it said, and whether its process lives on."""

    touched: set[str]
    said: str
    alive: bool


class Attacker(Protocol):
    """A process with the bare runner in it."""

    pid: int
    link: socket.socket

    def diagnostics(self) -> str:
        """What it wrote beside the link."""

    def kill(self) -> None:
        """End it now."""


class BareProcess:
    """The bare runner with nothing around it."""

    def __init__(self, snapshot: Path) -> None:
        self.link, theirs = socket.socketpair()
        command = [str(node_binary()), *arguments(snapshot)]
        nothing = ((os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3))
        with theirs:
            self.pid = os.posix_spawn(
                command[0],
                command,
                {"PATH": os.environ["PATH"], **ENVIRONMENT},
                file_actions=[*nothing, (os.POSIX_SPAWN_DUP2, theirs.fileno(), LINK_FD)],
            )

    def diagnostics(self) -> str:
        """Nobody listens."""
        return ""

    def kill(self) -> None:
        """End it now."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.link.close()


class JailedProcess:
    """The bare runner in a sandbox's jail."""

    def __init__(self, process: SandboxProcess, loop: asyncio.AbstractEventLoop) -> None:
        self.pid = process.pid
        self.link = process.link
        self._process = process
        self._loop = loop

    def diagnostics(self) -> str:
        """What it wrote to standard output and error, and how it ended."""
        return asyncio.run_coroutine_threadsafe(self._diagnostics(), self._loop).result()

    async def _diagnostics(self) -> str:
        return self._process.diagnostics.text()

    def kill(self) -> None:
        """End it now."""
        asyncio.run_coroutine_threadsafe(self._kill(), self._loop).result()

    async def _kill(self) -> None:
        self._process.abandon()
        await self._process.exited


class Jailer:
    """A spawner in a thread of its own, as tests of blocking runners need it."""

    def __init__(self, user: int, jail: JailSpec) -> None:
        self._jail = jail
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._spawner = asyncio.run_coroutine_threadsafe(self._make(user), self._loop).result()

    async def _make(self, user: int) -> Spawner:
        return sandboxes.spawner_as(user)

    def start(self) -> JailedProcess:
        """A bare runner in the jail."""
        spawned = asyncio.run_coroutine_threadsafe(self._spawner.spawn(self._jail), self._loop)
        return JailedProcess(spawned.result(), self._loop)

    def close(self) -> None:
        """End the spawner and all it started."""
        asyncio.run_coroutine_threadsafe(self._spawner.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Supply:
    """Bare runners: one serves case after case until it is spoilt, the next one boots meanwhile."""

    def __init__(self, start: Callable[[], Attacker]) -> None:
        self._start = start
        self._now = start()
        self._next = start()
        _await_boot(self._now)

    def attack(self, case: Case, world: World, *, until: str | None = None) -> Outcome:
        """Run a case; see `attack`."""
        outcome = attack(self._now, case, world, until=until)
        if case.spoils or not outcome.alive:
            self._now.kill()
            self._now, self._next = self._next, self._start()
            _await_boot(self._now)
        return outcome

    def close(self) -> None:
        """End both."""
        self._now.kill()
        self._next.kill()


def arguments(snapshot: Path) -> list[str]:
    """Node's arguments for the bare runner: none of ours."""
    return [str(BARE), str(PYODIDE), str(snapshot)]


def bare_jail(snapshot: Path) -> JailSpec:
    """The jail of a sandbox with the bare runner in it: no flag, no loader of ours."""
    jail = Runtime.find(sandbox_host=assets.sandbox_host(), snapshot=snapshot).jail()
    read = (*jail.read, str(BARE.parent), str(PYODIDE))
    return replace(jail, arguments=tuple(arguments(snapshot)), read=read, memory_mb=MEMORY_MB)


def make_stock_snapshot(directory: Path) -> Path:
    """A memory snapshot of stock Pyodide, so that a fresh process is there in half a second."""
    path = directory / "stock.bin"
    command = [str(node_binary()), *arguments(path), "--make"]
    subprocess.run(command, check=True, timeout=_BOOT_PATIENCE, capture_output=True)
    path.chmod(0o644)
    return path


def attack(attacker: Attacker, case: Case, world: World, *, until: str | None = None) -> Outcome:
    """Send a case to a bare runner, wherever it is, and look what it touched. Blocks.

    Args:
        until: a canary that is expected to be touched, be it a moment later.
    """
    patience = _STUCK if case.canary == "time" else _PATIENCE
    before, said, end = _converse(attacker.link, case, world, patience)
    said += attacker.diagnostics()
    deadline = monotonic() + _EFFECT
    while True:
        touched = world.touched(said, [attacker.pid]) | {end}
        touched |= {"link"} if before else set()
        touched |= {"memory"} if peak_memory(attacker.pid) > _MUCH_MEMORY else set()
        if until is None or until in touched or monotonic() > deadline:
            return Outcome(touched - {""}, said, not end)


def _await_boot(attacker: Attacker) -> None:
    attacker.link.settimeout(_BOOT_PATIENCE)
    assert attacker.link.recv(1) == b"\n", attacker.diagnostics()


def peak_memory(pid: int) -> int:
    """The most memory a process has had, in KiB; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) if found else 0


def _converse(
    link: socket.socket, case: Case, world: World, patience: float
) -> tuple[str, str, str]:
    """What came before the answer, the answer, and the canary that the lack of one touches."""
    job = json.dumps({"script": case.script, "job": world.job}).encode() + b"\n"
    heard = b""
    try:
        link.settimeout(patience)
        link.sendall(job)
        while not (_SAID in heard and heard.endswith(b"\n")):
            part = link.recv(65536)
            if not part:
                return "", heard.decode(errors="replace"), "death"
            heard += part
    except TimeoutError:
        return "", heard.decode(errors="replace"), "time"
    except OSError:  # killed while we wrote
        return "", "", "death"
    before, _, said = heard.partition(_SAID)
    return before.decode(errors="replace").strip(), json.loads(said), ""
