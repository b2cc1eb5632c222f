"""A server under load: a child process that answers on a port of the loopback."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from picloud.bench import client
from picloud.bench.handlers import Handler
from picloud.bench.load import Target
from picloud.process import die_with_parent

HOST: Final = "127.0.0.1"
_START: Final = 60.0  # seconds until a server must answer
_STOP: Final = 30.0
_PAUSE: Final = 0.01


class NotStartedError(Exception):
    """A server did not come up."""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """A child process whose output goes to a file, stopped at the end with its whole group."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environ,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=functools.partial(  # noqa: PLW1509  # one prctl call
                    die_with_parent, signal.SIGTERM, parent=os.getpid()
                ),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise `NotStartedError` when the process has ended."""
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise NotStartedError(f"it ended with {self._process.returncode}:\n{tail}")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for the group when that does not help."""
        if self._process.poll() is None:
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


class Server:
    """Where a server's three handlers are."""

    def __init__(self, name: str, port: int, prefix: str, child: Child) -> None:
        self.name = name
        self.port = port
        self.child = child
        self._prefix = prefix

    @property
    def pid(self) -> int:
        return self.child.pid

    def target(self, handler: Handler) -> Target:
        """The handler as the generators call it."""
        return Target(
            url=f"http://{HOST}:{self.port}{self._prefix}/{handler.name}", handler=handler
        )

    def request(self, handler: Handler) -> bytes:
        """The handler's request as our own client sends it."""
        path = f"{self._prefix}/{handler.name}"
        return client.request_bytes(handler.method, path, f"{HOST}:{self.port}", handler.body)

    def check(self, handler: Handler) -> None:
        """Ask once; raises `WrongAnswerError` for anything but the handler's answer."""
        answer = client.fetch(HOST, self.port, self.request(handler))
        handler.check(answer.status, answer.body)

    def stop(self) -> None:
        self.child.stop()


def wait_until_open(port: int, child: Child) -> None:
    """Return once something accepts connections; raises `NotStartedError`."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        child.check()
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(_PAUSE)
    raise NotStartedError(f"nothing listened on port {port} after {_START:.0f} s")
