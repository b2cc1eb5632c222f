"""`pic apps`."""

from __future__ import annotations

import click

from picloud.cli.pic import app_changes, operations, output, paging
from picloud.cli.pic.addresses import host_form, path_form
from picloud.cli.pic.client import success
from picloud.cli.pic.state import State


@click.group()
def apps() -> None:
    """Create, list, rename, transfer, delete and restore apps."""


for _change in (
    app_changes.rename,
    app_changes.transfer,
    app_changes.delete,
    app_changes.restore,
    app_changes.quota,
):
    apps.add_command(_change)


@apps.command()
@click.argument("name")
@output.json_option
@click.pass_obj
def create(state: State, name: str, as_json: bool) -> None:
    """Create the app NAME."""
    client = state.client()
    app = success(
        client.execute(operations.APP_CREATE, {"name": name})["appCreate"],
        "AppCreateSuccess",
        hint="See the apps there are:  pic apps list",
    )["app"]
    if as_json:
        addresses = {"url": path_form(client.url, name), "hostUrl": host_form(client.url, name)}
        output.print_json(app | addresses)
        return
    click.echo(f"Created the app {app['name']}.")
    click.echo(f"Next:  pic deploy FILE.py --app {app['name']}")


@apps.command("list")
@click.option("--deleted", is_flag=True, help="Those you can restore instead.")
@output.json_option
@click.pass_obj
def list_apps(state: State, deleted: bool, as_json: bool) -> None:
    """List the apps you are a member of."""
    if deleted:
        app_changes.list_deleted(state, as_json)
        return
    client = state.client()
    found = list(
        paging.nodes(lambda after: client.execute(operations.APPS, {"after": after})["apps"])
    )
    if as_json:
        output.print_json(
            [
                app
                | {
                    "url": path_form(client.url, app["name"]),
                    "hostUrl": host_form(client.url, app["name"]),
                }
                for app in found
            ]
        )
    elif not found:
        click.echo("No apps yet. Create one:  pic apps create demo")
    else:
        output.table(
            ["APP", "URL", "CREATED"],
            [
                [
                    app["name"],
                    path_form(client.url, app["name"]),
                    output.local_time(app["createdAt"]),
                ]
                for app in found
            ],
        )
