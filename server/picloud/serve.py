"""Serve an ASGI application on a unix socket or a TCP address, without a tick while idle."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

# Longer than the two minutes Caddy keeps an idle connection: it is the client that closes, so no
# request meets a connection that is just being closed.
KEEP_ALIVE: Final = 180  # seconds
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class QuietServer(uvicorn.Server):
    """uvicorn that waits for an event, where it would look at a flag ten times a second.

    SIGTERM or SIGINT stops it: no new connections, requests in flight get `drain_seconds`, and
    `run` returns as usual. A second SIGINT stops it at once.
    """

    def __init__(
        self, config: uvicorn.Config, *, on_started: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        self._stop = asyncio.Event()
        self._on_started = on_started

    @property
    def port(self) -> int:
        """The TCP port it listens on, for a configuration with port 0."""
        name = self.servers[0].sockets[0].getsockname()
        return int(name[1])

    def request_stop(self) -> None:
        """Stop as SIGTERM does."""
        self.should_exit = True
        self._stop.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then tell who asked to know."""
        await super().startup(sockets=sockets)
        if self.started and self._on_started is not None:
            self._on_started()

    async def main_loop(self) -> None:
        """Wait for the stop."""
        await self.on_tick(0)  # sets the default headers, once
        await self._stop.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the loop tell us of signals; a stop by signal is a clean end, not a death by it."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self.should_exit and number is signal.SIGINT:
            self.force_exit = True
        self.request_stop()


def make_config(app: Any, listen: str, *, drain_seconds: int, **more: Any) -> uvicorn.Config:
    """The configuration for `unix:/path` or `host:port`."""
    where: dict[str, Any]
    if listen.startswith("unix:"):
        where = {"uds": listen.removeprefix("unix:")}
    else:
        host, _, port = listen.rpartition(":")
        where = {"host": host.strip("[]"), "port": int(port)}
    defaults: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "date_header": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE,
        "timeout_graceful_shutdown": drain_seconds,
    }
    return uvicorn.Config(app, **{**defaults, **where, **more})
