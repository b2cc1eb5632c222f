"""What a command finds on its context: the platform it talks to, resolved when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from picloud.cli.pic.credentials import Target, resolve

if TYPE_CHECKING:
    from picloud.cli.pic.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The overrides given for this call."""

    url: str | None
    token: str | None

    def target(self) -> Target:
        """The platform of this call."""
        return resolve(self.url, self.token)

    def client(self, seconds: float = 30.0) -> Client:
        """A client for it that waits so long."""
        from picloud.cli.pic.client import Client  # `pic --help` must not pay for it

        return Client(self.target(), seconds)


def script_name(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, str]:
    """`APP/SCRIPT`, as a pair."""
    app, slash, script = value.partition("/")
    if not (app and slash and script) or "/" in script:
        raise click.BadParameter(f"{value!r} is not of the form APP/SCRIPT, like demo/hello.")
    return app, script


def log_source(
    context: click.Context, parameter: click.Parameter, value: str
) -> tuple[str, str | None]:
    """`APP/SCRIPT`, or `APP` for all of its scripts."""
    app, slash, script = value.partition("/")
    if not app or "/" in script or (slash and not script):
        raise click.BadParameter(f"{value!r} is not of the form APP/SCRIPT or APP.")
    return app, script or None
