"""One part by itself, on a machine of several: this process becomes that part."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from picloud.config import Loaded, Settings
from picloud.up import parts, place
from picloud.up.output import say
from picloud.up.run import with_snapshot


def run_manager(loaded: Loaded) -> NoReturn:
    """The control plane."""
    _become("picloud.manager", _checked(loaded))


def run_node(loaded: Loaded) -> NoReturn:
    """The node."""
    _become("picloud.orchestrator", with_snapshot(_checked(loaded)))


def _checked(loaded: Loaded) -> Settings:
    for warning in loaded.warnings:
        say(f"warning: {warning}")
    if loaded.settings.database_url is None:
        raise place.PlaceError("PICLOUD_DATABASE_URL must name the PostgreSQL server to share.")
    place.make_directories(loaded.settings)
    return loaded.settings


def _become(module: str, settings: Settings) -> NoReturn:
    command = [sys.executable, "-m", module]
    os.execve(sys.executable, command, parts.python_environ(settings))  # noqa: S606  # no shell
