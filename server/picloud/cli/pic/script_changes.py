"""`pic scripts delete`, `restore`."""

from __future__ import annotations

from typing import Any

import click

from picloud.cli.pic import app_operations, output, paging, suggestions
from picloud.cli.pic.addresses import path_form
from picloud.cli.pic.app_changes import show_deleted
from picloud.cli.pic.client import success
from picloud.cli.pic.confirming import confirm_option, confirmed
from picloud.cli.pic.errors import no_such_app
from picloud.cli.pic.state import State, script_name


@click.command()
@click.argument(
    "script", callback=script_name, shell_complete=suggestions.scripts, metavar="APP/SCRIPT"
)
@confirm_option
@output.json_option
@click.pass_obj
def delete(state: State, script: tuple[str, str], confirm: str | None, as_json: bool) -> None:
    """Delete a script; it can be restored for a while."""
    app, name = script
    given = confirmed(confirm, name=name, what=f"this script of {app} and all its versions")
    variables = {"app": app, "name": name, "confirm": given}
    answer = state.client().execute(app_operations.SCRIPT_DELETE, variables)["scriptDelete"]
    hint = f"See the scripts there are:  pic scripts list --app {app}"
    deleted = success(answer, "ScriptDeleteSuccess", hint=hint)["deletedScript"]
    if as_json:
        output.print_json({"app": app} | deleted)
        return
    click.echo(f"Deleted {app}/{name}. It stops serving within 5 s.")
    until = output.local_time(deleted["purgeAt"])
    click.echo(f"Until {until} you can have it back:  pic scripts restore {app}/{name}")


@click.command()
@click.argument("script", callback=script_name, metavar="APP/SCRIPT")
@output.json_option
@click.pass_obj
def restore(state: State, script: tuple[str, str], as_json: bool) -> None:
    """Bring a deleted script back, as it was."""
    app, name = script
    client = state.client()
    answer = client.execute(app_operations.SCRIPT_RESTORE, {"app": app, "name": name})
    hint = f"See what can be restored:  pic scripts list --deleted --app {app}"
    restored = success(answer["scriptRestore"], "ScriptRestoreSuccess", hint=hint)["script"]
    if as_json:
        output.print_json({"app": app} | restored)
    else:
        click.echo(f"{app}/{name} is back: {path_form(client.url, app, name)}")


def list_deleted(state: State, app: str, as_json: bool) -> None:
    """Print the scripts of an app that can be restored."""
    client = state.client()

    def page(after: str | None) -> Any:
        variables = {"app": app, "after": after}
        found = client.execute(app_operations.DELETED_SCRIPTS, variables)["app"]
        if found is None:
            raise no_such_app(app)
        return found["deletedScripts"]

    show_deleted(list(paging.nodes(page)), "SCRIPT", as_json)
