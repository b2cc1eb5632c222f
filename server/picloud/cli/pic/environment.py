"""`pic env`, `pic secrets`, `pic egress`: what an app gives to its scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from picloud.cli.pic import operations, output, paging, suggestions
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.errors import CliError, no_such_app
from picloud.cli.pic.scripts import no_such_script
from picloud.cli.pic.state import State

F = TypeVar("F", bound=Callable[..., Any])


def app_option(function: F) -> F:
    """Give a command `--app`."""
    return click.option("--app", required=True, shell_complete=suggestions.apps, help="The app.")(
        function
    )


def owner_options(function: F) -> F:
    """Give a command `--app`, and `--script` for what is of one script of the app."""
    return app_option(
        click.option(
            "--script",
            shell_complete=suggestions.scripts_of_app,
            help="Only for this script of the app, where it wins over the app's.",
        )(function)
    )


@click.group()
def env() -> None:
    """Set and list what scripts read as pic.env."""


@env.command("list")
@owner_options
@output.json_option
@click.pass_obj
def list_env(state: State, app: str, script: str | None, as_json: bool) -> None:
    """List the env variables of an app, or those of one of its scripts alone.

    Values are shown to operators and above.
    """
    operation = operations.SCRIPT_ENV_VARIABLES if script else operations.ENV_VARIABLES
    found = _all(state.client(), operation, app, script, "envVariables")
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo(f"No env variables yet. Set one:  pic env set NAME=VALUE --app {app}")
    else:
        output.table(
            ["NAME", "VALUE", "BY", "SET"],
            [[each["name"], _one_line(each["value"]), *_who_and_when(each)] for each in found],
        )


@env.command("set")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@owner_options
@output.json_option
@click.pass_obj
def set_env(
    state: State, pairs: tuple[str, ...], app: str, script: str | None, as_json: bool
) -> None:
    """Set env variables, all of them or none; sandboxes are replaced within 5 seconds.

    Arguments are seen by every user of this machine: use `pic secrets` for what is secret.
    """
    variables = [pair(text) for text in pairs]
    asked = {"app": app, "script": script, "variables": variables}
    answer = state.client().execute(operations.ENV_SET, asked)
    success(answer["envSet"], "EnvSetSuccess", hint=_hint(answer["envSet"]))
    _told(app, script, "Set", "set", [each["name"] for each in variables], as_json)


@env.command("unset")
@click.argument("names", nargs=-1, required=True, shell_complete=suggestions.env_variables)
@owner_options
@output.json_option
@click.pass_obj
def unset_env(
    state: State, names: tuple[str, ...], app: str, script: str | None, as_json: bool
) -> None:
    """Forget env variables, all of them or none."""
    asked = {"app": app, "script": script, "names": names}
    answer = state.client().execute(operations.ENV_UNSET, asked)
    hint = f"See what there is:  pic env list --app {app}"
    success(answer["envUnset"], "EnvUnsetSuccess", hint=hint)
    _told(app, script, "Forgot", "unset", names, as_json)


@click.group()
def secrets() -> None:
    """Set and list what scripts read as pic.secrets."""


@secrets.command("list")
@owner_options
@output.json_option
@click.pass_obj
def list_secrets(state: State, app: str, script: str | None, as_json: bool) -> None:
    """List the secrets of an app, or those of one of its scripts alone.

    Their values are never shown again.
    """
    operation = operations.SCRIPT_SECRETS if script else operations.SECRETS
    found = _all(state.client(), operation, app, script, "secrets")
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo(f"No secrets yet. Set one:  pic secrets set NAME --app {app}")
    else:
        output.table(
            ["NAME", "ENDS WITH", "BY", "SET"],
            [[each["name"], _one_line(each["hint"]), *_who_and_when(each)] for each in found],
        )


@secrets.command("set")
@click.argument("name")
@owner_options
@output.json_option
@click.pass_obj
def set_secret(state: State, name: str, app: str, script: str | None, as_json: bool) -> None:
    """Set the secret NAME; its value is asked for, or read from standard input.

    One newline at the end of the input is not part of the value. Sandboxes are replaced within 5
    seconds.
    """
    if "=" in name:
        raise click.UsageError("Give only the name: arguments are seen by every user.")
    secret = {"name": name, "value": _secret_value(name)}
    asked = {"app": app, "script": script, "secrets": [secret]}
    answer = state.client().execute(operations.SECRET_SET, asked)
    success(answer["secretSet"], "SecretSetSuccess", hint=_hint(answer["secretSet"]))
    _told(app, script, "Set", "set", [name], as_json)


@secrets.command("unset")
@click.argument("names", nargs=-1, required=True, shell_complete=suggestions.secrets)
@owner_options
@output.json_option
@click.pass_obj
def unset_secrets(
    state: State, names: tuple[str, ...], app: str, script: str | None, as_json: bool
) -> None:
    """Forget secrets, all of them or none."""
    asked = {"app": app, "script": script, "names": names}
    answer = state.client().execute(operations.SECRET_UNSET, asked)
    hint = f"See what there is:  pic secrets list --app {app}"
    success(answer["secretUnset"], "SecretUnsetSuccess", hint=hint)
    _told(app, script, "Forgot", "unset", names, as_json)


@click.group()
def egress() -> None:
    """Say where the scripts of an app may connect to."""


@egress.command("show")
@app_option
@output.json_option
@click.pass_obj
def show_egress(state: State, app: str, as_json: bool) -> None:
    """Show the egress policy of an app."""
    found = state.client().execute(operations.EGRESS, {"app": app})["app"]
    if found is None:
        raise no_such_app(app)
    _show_policy(found["egress"], as_json)


@egress.command("set")
@app_option
@click.option(
    "--mode",
    required=True,
    type=click.Choice(["none", "allow_list", "internet"]),
    help="none: nowhere; allow_list: what --allow names; internet: every public address.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="HOST[:PORT]",
    help="A host, *.domain, and a port unless 80 and 443 are meant; may be repeated.",
)
@output.json_option
@click.pass_obj
def set_egress(state: State, app: str, mode: str, allow: tuple[str, ...], as_json: bool) -> None:
    """Replace the egress policy of an app; it holds within 5 seconds.

    Private networks and the platform's own addresses are denied in every mode.
    """
    if allow and mode != "allow_list":
        raise click.UsageError("--allow goes with --mode allow_list.")
    variables = {"app": app, "mode": mode.upper(), "allow": allow}
    answer = state.client().execute(operations.EGRESS_SET, variables)["appEgressSet"]
    _show_policy(success(answer, "AppEgressSetSuccess")["app"]["egress"], as_json)


def _all(client: Client, operation: str, app: str, script: str | None, name: str) -> list[Any]:
    def page(after: str | None) -> Any:
        asked = {"app": app, "after": after} | ({"script": script} if script else {})
        found = client.execute(operation, asked)["owner"]
        if found is None:
            raise no_such_script(app, script) if script else no_such_app(app)
        return found[name]

    return list(paging.nodes(page))


def pair(text: str) -> dict[str, str]:
    """`NAME=VALUE` as a mutation takes it."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r} is not of the form NAME=VALUE.")
    return {"name": name, "value": value}


def _secret_value(name: str) -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt(f"Value of {name}", hide_input=True, err=True)
        return answer
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as exc:
        raise CliError(
            "input_unreadable",
            f"The value is not UTF-8 text (byte {exc.start}).",
            hint="Encode it first, for example with base64.",
        ) from exc
    return text.removesuffix("\n").removesuffix("\r")


def _hint(payload: Any) -> str | None:
    if payload.get("code") == "secrets_unreadable":
        return "Only the operator can mend it; on the server:  picloud doctor"
    return None


def _told(
    app: str, script: str | None, said: str, key: str, names: Sequence[str], as_json: bool
) -> None:
    if as_json:
        output.print_json({"app": app, "script": script, key: list(names)})
        return
    owner = f"{app}/{script}" if script else app
    click.echo(f"{said} {', '.join(names)} of {owner}; sandboxes are replaced within 5 s.")


def _show_policy(policy: Any, as_json: bool) -> None:
    if as_json:
        output.print_json(policy)
        return
    click.echo(policy["mode"].lower())
    for host in policy["allow"]:
        click.echo(f"  {output.escape(host)}")


def _one_line(value: str | None) -> str:
    """A value in a cell of a table."""
    return "-" if value is None else output.escape(value).replace("\n", "\\n").replace("\t", "\\t")


def _who_and_when(each: Any) -> list[str]:
    return [(each["updatedBy"] or {}).get("email", "-"), output.local_time(each["updatedAt"])]
