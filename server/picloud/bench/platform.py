"""PiCloud itself as one of the servers: a real `picloud up` in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picloud.bench import client, procfs
from picloud.bench.api import Api
from picloud.bench.handlers import HANDLERS
from picloud.bench.rivals import PROGRAMS
from picloud.bench.server import HOST, Child, NotStartedError, Server, free_port, wait_until_open
from picloud.up import private

APP: Final = "bench"
FRESH_APP: Final = "bench-fresh"
EMAIL: Final = "bench@localhost"
_READY: Final = 600.0  # seconds: the first start of a fresh checkout sets everything up
_PAUSE: Final = 0.05
_QUIET: Final = 0.2  # seconds of one look for silence
_QUIET_CPU: Final = 0.004  # seconds of CPU in it that are still silence
_LOOKS: Final = 3  # looks in a row; a boot that waits for the CPU is not taken for silence
_SETTLE: Final = 30.0


def source(name: str) -> str:
    """The source of one of our own scripts."""
    return (PROGRAMS / "picloud" / f"{name}.py").read_text("utf-8")


class Platform:
    """One running platform. Its node listens on a port of its own, beside Caddy's."""

    def __init__(self, command: Sequence[str], scratch: Path, **settings: object) -> None:
        """`settings` are those of `picloud config`, in lower case."""
        self._command = command
        self._home = scratch
        self._password = secrets.token_urlsafe(12)
        self.public_port = free_port()
        self.node_port = free_port()
        self._settings = settings
        self._child: Child | None = None
        self.api = Api(f"http://localhost:{self.public_port}")

    @property
    def pid(self) -> int:
        if self._child is None:
            raise NotStartedError("the platform does not run")
        return self._child.pid

    def start(self) -> None:
        """Start, wait until it can serve, and log in."""
        self._home.mkdir(parents=True, exist_ok=True)
        log = self._home / "up.log"
        self._child = Child(self._command, log, self._environ(), self._home)
        try:
            self._wait_until_ready(self._child)
            self.api.log_in(EMAIL, self._password)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """An orderly stop; the data stay."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def restart(self, **settings: object) -> None:
        """Stop and start with changed settings: the pool begins empty or blank."""
        self.stop()
        self._settings = {**self._settings, **settings}
        self.start()

    def server(self) -> Server:
        """The three handlers at the node's own port; they must be deployed."""
        if self._child is None:
            raise NotStartedError("the platform does not run")
        return Server("picloud", self.node_port, f"/x/{APP}", self._child)

    def fresh_server(self) -> Server:
        """The app whose scripts have `isolation: invocation`."""
        if self._child is None:
            raise NotStartedError("the platform does not run")
        name = "picloud, isolation: invocation"
        return Server(name, self.node_port, f"/x/{FRESH_APP}", self._child)

    def through_caddy(self) -> Server:
        """The same through Caddy."""
        if self._child is None:
            raise NotStartedError("the platform does not run")
        return Server("picloud through Caddy", self.public_port, f"/x/{APP}", self._child)

    def deploy_handlers(self) -> None:
        """The app with the three handlers."""
        for name in HANDLERS:
            self.api.deploy(APP, name, source(name))

    def settle(self) -> None:
        """Return when the platform does nothing: started sandboxes are ready, records written."""
        deadline = time.monotonic() + _SETTLE
        quiet = 0
        while time.monotonic() < deadline:
            before = procfs.run_seconds(self.pids()) or 0.0
            time.sleep(_QUIET)
            used = (procfs.run_seconds(self.pids()) or 0.0) - before
            quiet = quiet + 1 if abs(used) < _QUIET_CPU else 0
            if quiet == _LOOKS:
                return
        raise TimeoutError(f"the platform was still busy after {_SETTLE:.0f} s")

    def pids(self) -> list[int]:
        """All its processes."""
        return [process.pid for process in procfs.tree(procfs.table(), {self.pid})]

    def sandboxes(self) -> list[int]:
        """The processes of its sandboxes: those that run Node.js."""
        return [pid for pid in self.pids() if _program(pid) == "node"]

    def _environ(self) -> dict[str, str]:
        return private.environ(
            {
                "data_dir": self._home / "data",
                "port": self.public_port,
                "node_listen": f"{HOST}:{self.node_port}",
                "owner_email": EMAIL,
                "owner_password": self._password,
                **self._settings,
            }
        )

    def _wait_until_ready(self, child: Child) -> None:
        request = client.request_bytes("GET", "/readyz", f"localhost:{self.public_port}")
        deadline = time.monotonic() + _READY
        while time.monotonic() < deadline:
            child.check()
            with contextlib.suppress(OSError, client.ConnectionEndedError):
                if client.fetch(HOST, self.public_port, request, timeout=5).status == 200:
                    wait_until_open(self.node_port, child)
                    return
            time.sleep(_PAUSE)
        raise NotStartedError(f"the platform was not ready after {_READY:.0f} s")


def _program(pid: int) -> str:
    """The name of a process's program. A jailed process hides its `exe` from all but root."""
    try:
        first = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 1)[0]
    except OSError:
        return ""
    return os.path.basename(os.fsdecode(first))
