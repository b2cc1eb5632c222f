"""The parts of the platform, as data: what is run, when it is ready, how it is stopped."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from picloud import assets, caddy
from picloud.config import Settings, inherited_environ
from picloud.postgres import EmbeddedPostgres
from picloud.up import probes
from picloud.up.child import ChildSpec

_STOP_MARGIN: Final = 3.0


def postgres(settings: Settings) -> tuple[ChildSpec, EmbeddedPostgres]:
    """The embedded database, and the object that knows its address once it was prepared."""
    server = EmbeddedPostgres(
        settings.data_dir / "postgres",
        sockets=Path(f"{settings.run_dir}-postgres"),
    )

    async def ready(pid: int) -> bool:
        return server.is_ready(pid)

    def environ() -> Mapping[str, str]:
        return {**server.environ(), "PICLOUD_DATA_DIR": str(settings.data_dir)}

    spec = ChildSpec(
        name="postgres",
        command=server.command,
        environ=environ,
        cwd=server.layout.data,
        prepare=lambda: void(server.prepare()),
        ready=ready,
        stop_signal=signal.SIGINT,
        hurry_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        stop_seconds=30,
        stop_turn=2,
        run_as=server.user.options(),
    )
    return spec, server


def void(_: object) -> None:
    """A step whose result nobody needs here."""


def python_environ(settings: Settings) -> dict[str, str]:
    """The variables of our own Python children: the settings, all of them, and nothing stale."""
    root = assets.checkout()
    path = {"PYTHONPATH": str(root / "server")} if root else {}
    fixed = {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}
    return {**inherited_environ(), **path, **fixed, **settings.to_environ()}


def _python_child(
    settings: Settings,
    name: str,
    module: str,
    listen: str,
    *,
    stop_seconds: float,
    stop_turn: int,
) -> ChildSpec:
    async def ready(_: int) -> bool:
        return await probes.answers(listen, "/readyz")

    return ChildSpec(
        name=name,
        command=lambda: [sys.executable, "-m", module],
        environ=lambda: python_environ(settings),
        cwd=settings.data_dir,
        prepare=functools.partial(_forget_socket, listen),
        ready=ready,
        stop_seconds=stop_seconds,
        stop_turn=stop_turn,
    )


def manager(settings: Settings) -> ChildSpec:
    """The control plane."""
    return _python_child(
        settings,
        "manager",
        "picloud.manager",
        settings.manager_listen,
        stop_seconds=5 + _STOP_MARGIN,
        stop_turn=1,
    )


def node(settings: Settings) -> ChildSpec:
    """The orchestrator with the executor. It waits for the schema, and drains before it ends."""
    return _python_child(
        settings,
        "node",
        "picloud.orchestrator",
        settings.node_listen,
        stop_seconds=settings.drain_seconds + _STOP_MARGIN,
        stop_turn=0,
    )


def front(settings: Settings) -> ChildSpec:
    """Caddy; it lets requests in flight finish."""

    async def ready(_: int) -> bool:
        return await probes.answers(caddy.own_address(settings), "/healthz")

    return ChildSpec(
        name="caddy",
        command=caddy.command,
        environ=lambda: caddy.environ(settings),
        cwd=settings.data_dir,
        prepare=functools.partial(caddy.prepare, settings),
        ready=ready,
        stop_seconds=settings.drain_seconds + _STOP_MARGIN,
    )


def _forget_socket(listen: str) -> None:
    """A killed child leaves its socket file; its successor must be able to bind."""
    if listen.startswith("unix:"):
        Path(listen.removeprefix("unix:")).unlink(missing_ok=True)
