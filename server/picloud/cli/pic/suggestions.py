"""What the shell offers on Tab: names of apps and of what is in them, asked of the platform.

A platform that does not answer offers nothing; it is never an error.
"""

from __future__ import annotations

from typing import Final

import click

from picloud.cli.pic import operations
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.state import State

_SECONDS: Final = 1.0


def apps(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The apps that begin so."""
    try:
        return _apps(_state(context), incomplete)
    except (CliError, click.BadParameter):
        return []


def scripts(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """`APP/` where several apps begin so, else the scripts of the only one."""
    state = _state(context)
    app, slash, beginning = incomplete.partition("/")
    try:
        if not slash:
            found = _apps(state, app)
            if len(found) != 1:
                return [f"{name}/" for name in found]
            [app] = found
        return [f"{app}/{name}" for name in _scripts(state, app) if name.startswith(beginning)]
    except (CliError, click.BadParameter):
        return []


def env_variables(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The env variables of `--app` or `--script` that begin so."""
    by_app, by_script = operations.ENV_VARIABLES, operations.SCRIPT_ENV_VARIABLES
    return _named(context, by_app, by_script, "envVariables", incomplete)


def secrets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The secrets of `--app` or `--script` that begin so."""
    by_app, by_script = operations.SECRETS, operations.SCRIPT_SECRETS
    return _named(context, by_app, by_script, "secrets", incomplete)


def scripts_of_app(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The scripts of `--app` that begin so."""
    app = context.params.get("app")
    try:
        names = _scripts(_state(context), app) if app else []
    except (CliError, click.BadParameter):
        return []
    return [name for name in names if name.startswith(incomplete)]


def _named(
    context: click.Context, by_app: str, by_script: str, name: str, beginning: str
) -> list[str]:
    app, script = context.params.get("app"), context.params.get("script")
    if not app:
        return []
    variables = {"app": app, "after": None} | ({"script": script} if script else {})
    try:
        client = _state(context).client(seconds=_SECONDS)
        found = client.execute(by_script if script else by_app, variables)["owner"]
    except (CliError, click.BadParameter):
        return []
    names = [edge["node"]["name"] for edge in found[name]["edges"]] if found else []
    return [each for each in names if each.startswith(beginning)]


def _state(context: click.Context) -> State:
    given = context.find_root().params
    return State(url=given.get("url") or None, token=given.get("token") or None)


def _apps(state: State, beginning: str) -> list[str]:
    page = state.client(seconds=_SECONDS).execute(operations.APPS, {"after": None})["apps"]
    names = (edge["node"]["name"] for edge in page["edges"])
    return [name for name in names if name.startswith(beginning)]


def _scripts(state: State, app: str) -> list[str]:
    variables = {"app": app, "after": None}
    found = state.client(seconds=_SECONDS).execute(operations.SCRIPTS, variables)["app"]
    return [edge["node"]["name"] for edge in found["scripts"]["edges"]] if found else []
