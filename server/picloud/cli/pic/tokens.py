"""`pic tokens create`, `list`, `revoke`."""

from __future__ import annotations

from typing import Any

import click

from picloud.cli.pic import operations, output, paging, suggestions, times
from picloud.cli.pic.client import Client, success
from picloud.cli.pic.errors import CliError, no_such_app
from picloud.cli.pic.state import State, script_name

SCOPES = ("read", "deploy", "invoke", "logs", "admin")


def _script(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    return None if value is None else script_name(context, parameter, value)


@click.group()
def tokens() -> None:
    """Make, list and revoke API tokens, for programs."""


@tokens.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it is for; may be repeated.",
)
@click.option("--app", shell_complete=suggestions.apps, help="Only this app.")
@click.option(
    "--script",
    metavar="APP/SCRIPT",
    callback=_script,
    shell_complete=suggestions.scripts,
    help="Only this script.",
)
@click.option(
    "--expires",
    metavar="90d",
    callback=times.future,
    help="When it runs out: a span from now, or a time. Otherwise never.",
)
@output.json_option
@click.pass_obj
def create(
    state: State,
    name: str,
    scopes: tuple[str, ...],
    app: str | None,
    script: tuple[str, str] | None,
    expires: str | None,
    as_json: bool,
) -> None:
    """Make the token NAME and print it: it is shown this once."""
    wanted: dict[str, Any] = {"name": name, "scopes": [scope.upper() for scope in scopes]}
    if app is not None and script is not None:
        raise click.UsageError("Give --app or --script, which names its app too.")
    if script is not None:
        wanted["app"], wanted["script"] = script
    elif app is not None:
        wanted["app"] = app
    if expires is not None:
        wanted["expiresAt"] = expires
    answer = state.client().execute(operations.TOKEN_CREATE, {"input": wanted})["tokenCreate"]
    made = success(answer, "TokenCreateSuccess", hint="See the tokens there are:  pic tokens list")
    if as_json:
        output.print_json({"secret": made["secret"], "token": made["token"]})
        return
    output.note(f"Made the token {output.escape(name)}. It is shown this once:")
    click.echo(made["secret"])
    output.note("Give it to a program as PIC_TOKEN, or as the header Authorization: Bearer ….")


@tokens.command("list")
@click.option("--app", shell_complete=suggestions.apps, help="Everybody's for this app only.")
@output.json_option
@click.pass_obj
def list_tokens(state: State, app: str | None, as_json: bool) -> None:
    """List your tokens; with --app those of all its members that are for it only."""
    found = _all(state.client(), app)
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo("No tokens yet. Make one:  pic tokens create NAME --scope read")
    else:
        output.table(
            ["TOKEN", "SCOPES", "FOR", "BY", "EXPIRES", "LAST USED", "ID"],
            [_row(token) for token in found],
        )


@tokens.command()
@click.argument("token")
@click.option("--app", shell_complete=suggestions.apps, help="Look among everybody's for this app.")
@output.json_option
@click.pass_obj
def revoke(state: State, token: str, app: str | None, as_json: bool) -> None:
    """Revoke TOKEN, by its name or id, and all that were made with it."""
    client = state.client()
    fitting = [each for each in _visible(client, app) if token in (each["name"], each["tokenId"])]
    if len(fitting) > 1:
        raise CliError(
            "invalid_input",
            f"Several tokens for {app} are called {token}.",
            hint=f"Name it by its id:  pic tokens list --app {app}",
        )
    key = fitting[0]["id"] if fitting else token
    answer = client.execute(operations.TOKEN_REVOKE, {"id": key})["tokenRevoke"]
    ended = success(answer, "TokenRevokeSuccess", hint="See what there is:  pic tokens list")
    name = fitting[0]["name"] if fitting else token
    if as_json:
        output.print_json({"name": name, "revokedAt": ended["revokedAt"]})
    else:
        click.echo(f"Revoked the token {output.escape(name)}.")


def _visible(client: Client, app: str | None) -> list[Any]:
    """The tokens to look among; a token without the right to list may still revoke itself."""
    try:
        return _all(client, app)
    except CliError as error:
        if error.code == "permission_denied" and app is None:
            return []
        raise


def _all(client: Client, app: str | None) -> list[Any]:
    def page(after: str | None) -> Any:
        if app is None:
            return client.execute(operations.TOKENS, {"after": after})["viewer"]["tokens"]
        found = client.execute(operations.APP_TOKENS, {"app": app, "after": after})["app"]
        if found is None:
            raise no_such_app(app)
        return found["tokens"]

    return list(paging.nodes(page))


def _row(token: Any) -> list[str]:
    place = "/".join(part["name"] for part in (token["app"], token["script"]) if part)
    return [
        output.escape(token["name"]),
        ", ".join(scope.lower() for scope in token["scopes"]),
        place or "every app",
        output.escape(token["user"]["email"]) if token["user"] else "-",
        output.local_time(token["expiresAt"]) if token["expiresAt"] else "never",
        output.local_time(token["lastUsedAt"]) if token["lastUsedAt"] else "never",
        token["tokenId"],
    ]
