"""`picloud up`: the whole platform on this machine, in the foreground."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence

from picloud import assets
from picloud.config import Loaded, Settings
from picloud.config_values import Secret
from picloud.setup import snapshot
from picloud.setup.runner import SetupError
from picloud.up import parts, place
from picloud.up.child import ChildSpec
from picloud.up.output import say
from picloud.up.owner import Owner
from picloud.up.supervisor import Stage, Supervisor


def run(loaded: Loaded, *, verbose: bool) -> None:
    """Until SIGINT or SIGTERM; errors say in one sentence why it cannot run."""
    began = time.monotonic()
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    place.make_directories(loaded.settings)
    with place.owned(loaded.settings.data_dir):
        place.check_port(loaded.settings.host, loaded.settings.port)
        settings = with_snapshot(loaded.settings)
        asyncio.run(_supervise(settings, began, verbose=verbose))


def with_snapshot(settings: Settings) -> Settings:
    """The settings with the memory snapshot, made if need be; without it sandboxes boot fully."""
    if settings.snapshot is not None:
        return settings
    try:
        return dataclasses.replace(settings, snapshot=snapshot.ensure(settings.cache_dir))
    except SetupError as fault:
        say(f"warning: sandboxes start slowly, for want of a memory snapshot: {fault}")
        return settings


async def _supervise(settings: Settings, began: float, *, verbose: bool) -> None:
    owner = Owner(settings)
    supervisor = Supervisor(settings.data_dir / "logs", verbose=verbose)

    async def when_ready() -> None:
        lines = await owner.lines(settings.manager_listen)
        _welcome(settings, lines, time.monotonic() - began)
        owner.shown()

    await supervisor.run(_stages(owner.prepare(settings), settings), when_ready)
    say("stopped")


def _stages(for_manager: Settings, settings: Settings) -> Sequence[Stage]:
    """PostgreSQL first: only then is its address known."""
    if settings.database_url is not None:
        return [lambda: _platform(for_manager, settings)]
    spec, server = parts.postgres(settings)

    def with_database(settings: Settings) -> Settings:
        return dataclasses.replace(settings, database_url=Secret(server.url()))

    def database() -> list[ChildSpec]:
        return [spec]

    return [database, lambda: _platform(with_database(for_manager), with_database(settings))]


def _platform(for_manager: Settings, settings: Settings) -> list[ChildSpec]:
    return [parts.manager(for_manager), parts.node(settings), parts.front(settings)]


def _welcome(settings: Settings, owner: Sequence[str], seconds: float) -> None:
    address = f"http://localhost:{settings.port}"
    say(f"\nPiCloud is ready at {address}   ({seconds:.1f} s)")
    for line in owner:
        say(f"  {line}")
    pic = "./pic" if assets.checkout() else "pic"
    example = "examples/hello.py" if assets.checkout() else "hello.py"
    say("try this:")
    say(f"  {pic} login {address} --email {settings.owner_email}")
    say(f"  {pic} apps create demo && {pic} deploy {example} --app demo")
    say(f"  curl '{address}/x/demo/hello?name=you'\n")
