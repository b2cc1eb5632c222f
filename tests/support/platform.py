"""The whole platform as real processes: `picloud up` in a directory of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

import httpx

from picloud.process import die_with_parent

ROOT: Final = Path(__file__).resolve().parents[2]
EMAIL: Final = "owner@example.org"
PASSWORD: Final = "correct horse battery staple"
READY_SECONDS: Final = 120


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float = 15, what: str = "it") -> None:
    """Look until the condition holds; the deadline is the only clock."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


class Platform:
    """One `picloud up`, its data directory and its command lines."""

    def __init__(self, home: Path, **settings: str | None) -> None:
        self.data_dir = home / "data with space"
        self.port = free_port()
        self.home = home
        self.url = f"http://localhost:{self.port}"
        self._settings = settings
        self._log: IO[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The variables of every program of this platform."""
        cache = Path(tempfile.gettempdir()) / f"picloud-tests-{os.geteuid()}"
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT / "server"),
            "PICLOUD_DATA_DIR": str(self.data_dir),
            "PICLOUD_CACHE_DIR": str(cache),
            "PICLOUD_PORT": str(self.port),
            "PICLOUD_OWNER_EMAIL": EMAIL,
            "PICLOUD_OWNER_PASSWORD": PASSWORD,
            **self._settings,
        }
        return {name: value for name, value in environ.items() if value is not None}

    @property
    def output(self) -> str:
        """What `up` printed so far."""
        return (self.home / "up.log").read_text("utf-8", "replace")

    def start(self) -> float:
        """Start and wait until it is ready; the seconds that took."""
        began = time.monotonic()
        self._log = (self.home / "up.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "picloud.cli.picloud", "up"],
            env=self.environ,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=functools.partial(  # noqa: PLW1509  # one prctl call
                die_with_parent, signal.SIGTERM, parent=os.getpid()
            ),
        )
        end = began + READY_SECONDS
        while "PiCloud is ready" not in self.output:
            assert self.process.poll() is None, f"up ended:\n{self.output}"
            assert time.monotonic() < end, f"not ready:\n{self.output}"
            time.sleep(0.02)
        return time.monotonic() - began

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 40) -> int:
        """Send a signal and wait for the end; the exit code."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self._log is not None:
                self._log.close()

    def client(self) -> httpx.Client:
        """A client of the public address."""
        return httpx.Client(base_url=self.url, timeout=30)

    def pic(
        self, *arguments: str, check: bool = True, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run the author's command line."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "picloud.cli.pic.main", *arguments],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            input=stdin,
            check=check,
            timeout=60,
        )

    def log_in(self) -> None:
        """Log the command line in."""
        self.pic("login", self.url, "--email", EMAIL, "--password", PASSWORD)

    def deploy(self, name: str, source: str, *, app: str = "demo") -> None:
        """Deploy a script, making the app on first use."""
        self.pic("apps", "create", app, check=False)
        file = self.home / f"{name}.py"
        file.write_text(source)
        self.pic("deploy", str(file), "--app", app)

    def processes(self) -> dict[int, list[str]]:
        """Every process that belongs to this data directory, by its environment or arguments."""
        marker = os.fsencode(self.data_dir)
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    command = (entry / "cmdline").read_bytes()
                    if marker in command + (entry / "environ").read_bytes():
                        found[int(entry.name)] = command.decode("utf-8", "replace").split("\0")
        return found

    def descendants(self) -> set[int]:
        """Every process below `up`."""
        assert self.process is not None
        parents = dict(_parents())
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}

    def part(self, word: str) -> int:
        """The process id of the direct child of `up` whose command holds this word."""
        assert self.process is not None
        for pid, parent in _parents():
            if parent == self.process.pid:
                with contextlib.suppress(OSError):
                    if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                        return pid
        raise AssertionError(f"no {word} among the children of up")

    def sandboxes(self) -> set[int]:
        """The sandbox processes of the node."""
        found = set()
        for pid in self.descendants():
            with contextlib.suppress(OSError):
                if b"main.js" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(pid)
        return found


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), int(state[1])


@contextlib.contextmanager
def scratch_home() -> Iterator[Path]:
    """A directory closed to other users, as a careful administrator makes it."""
    home = Path(tempfile.mkdtemp(prefix="picloud acceptance "))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def running_platform(**settings: str | None) -> Iterator[Platform]:
    """A platform that is ready, and is stopped at the end."""
    with scratch_home() as home:
        platform = Platform(home, **settings)
        platform.start()
        try:
            yield platform
        finally:
            platform.stop()


async def answers_until(
    client: httpx.AsyncClient, path: str, done: asyncio.Event
) -> list[tuple[int, bytes]]:
    """Ask again and again until told to stop; every status and body, 0 for a lost connection."""
    seen: list[tuple[int, bytes]] = []
    while not done.is_set():
        try:
            answer = await client.get(path)
            seen.append((answer.status_code, answer.content))
        except httpx.TransportError:
            seen.append((0, b""))
        await asyncio.sleep(0.005)
    return seen
