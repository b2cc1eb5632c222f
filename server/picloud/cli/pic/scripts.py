"""`pic scripts`."""

from __future__ import annotations

from typing import Any

import click

from picloud.cli.pic import operations, output, paging, script_changes, suggestions
from picloud.cli.pic.addresses import host_form, path_form
from picloud.cli.pic.client import Client
from picloud.cli.pic.errors import CliError, no_such_app
from picloud.cli.pic.state import State


@click.group()
def scripts() -> None:
    """List, delete and restore the scripts of an app."""


scripts.add_command(script_changes.delete)
scripts.add_command(script_changes.restore)


@scripts.command("list")
@click.option("--app", required=True, shell_complete=suggestions.apps, help="The app.")
@click.option("--deleted", is_flag=True, help="Those that can be restored instead.")
@output.json_option
@click.pass_obj
def list_scripts(state: State, app: str, deleted: bool, as_json: bool) -> None:
    """List the scripts of an app."""
    if deleted:
        script_changes.list_deleted(state, app, as_json)
        return
    client = state.client()
    found = list(paging.nodes(lambda after: _page(client, app, after)))
    if as_json:
        output.print_json(
            [
                script
                | {
                    "url": path_form(client.url, app, script["name"]),
                    "hostUrl": host_form(client.url, app, script["name"]),
                }
                for script in found
            ]
        )
    elif not found:
        click.echo(f"No scripts yet. Deploy one:  pic deploy FILE.py --app {app}")
    else:
        output.table(
            ["SCRIPT", "VERSION", "URL", "DEPLOYED"],
            [_row(client.url, app, script) for script in found],
        )


def _page(client: Client, app: str, after: str | None) -> Any:
    found = client.execute(operations.SCRIPTS, {"app": app, "after": after})["app"]
    if found is None:
        raise no_such_app(app)
    return found["scripts"]


def _row(server: str, app: str, script: Any) -> list[str]:
    active = script["activeVersion"]
    return [
        script["name"],
        str(active["number"]) if active else "-",
        path_form(server, app, script["name"]),
        output.local_time((active or script)["createdAt"]),
    ]


def no_such_script(app: str, script: str) -> CliError:
    """The script is not there, or not yours to see."""
    return CliError(
        "not_found",
        f"There is no script {app}/{script}.",
        hint=f"See the scripts there are:  pic scripts list --app {app}",
    )
