"""`pic apps rename`, `transfer`, `delete`, `restore` and `quota`."""

from __future__ import annotations

from typing import Any

import click

from picloud.cli.pic import app_operations, output, paging, suggestions
from picloud.cli.pic.addresses import host_form, path_form
from picloud.cli.pic.client import success
from picloud.cli.pic.confirming import confirm_option, confirmed
from picloud.cli.pic.errors import no_such_app
from picloud.cli.pic.state import State
from picloud.domain.quota import Quota

_APPS = "See the apps there are:  pic apps list"


@click.command()
@click.argument("app", shell_complete=suggestions.apps)
@click.argument("name")
@output.json_option
@click.pass_obj
def rename(state: State, app: str, name: str, as_json: bool) -> None:
    """Call the app APP by the name NAME; its old addresses lead to the new ones."""
    client = state.client()
    answer = client.execute(app_operations.APP_RENAME, {"app": app, "name": name})["appRename"]
    renamed = success(answer, "AppRenameSuccess", hint=_APPS)["app"]
    url = path_form(client.url, renamed["name"])
    if as_json:
        output.print_json(renamed | {"url": url, "hostUrl": host_form(client.url, renamed["name"])})
        return
    click.echo(f"{app} is called {renamed['name']} now: {url}")
    click.echo(f"Requests for {', '.join(renamed['formerNames'])} are sent on to it.")


@click.command()
@click.argument("app", shell_complete=suggestions.apps)
@click.option("--to", "email", required=True, metavar="EMAIL", help="Who is to own it.")
@output.json_option
@click.pass_obj
def transfer(state: State, app: str, email: str, as_json: bool) -> None:
    """Make a user the only owner of the app APP; who owned it stays as an editor."""
    variables = {"app": app, "email": email}
    answer = state.client().execute(app_operations.APP_TRANSFER, variables)["appTransfer"]
    name = success(answer, "AppTransferSuccess", hint=_APPS)["app"]["name"]
    if as_json:
        output.print_json({"app": name, "owner": email})
    else:
        click.echo(f"{email} owns {name} now.")


@click.command()
@click.argument("app", shell_complete=suggestions.apps)
@confirm_option
@output.json_option
@click.pass_obj
def delete(state: State, app: str, confirm: str | None, as_json: bool) -> None:
    """Delete the app APP with all it owns; it can be restored for a while."""
    given = confirmed(confirm, name=app, what="this app and everything in it")
    variables = {"app": app, "confirm": given}
    answer = state.client().execute(app_operations.APP_DELETE, variables)["appDelete"]
    deleted = success(answer, "AppDeleteSuccess", hint=_APPS)["deletedApp"]
    if as_json:
        output.print_json(deleted)
        return
    click.echo(f"Deleted {deleted['name']}. It stops serving within 5 s.")
    until = output.local_time(deleted["purgeAt"])
    click.echo(f"Until {until} you can have it back:  pic apps restore {deleted['name']}")


@click.command()
@click.argument("app")
@output.json_option
@click.pass_obj
def restore(state: State, app: str, as_json: bool) -> None:
    """Bring the deleted app APP back, with all it owned."""
    client = state.client()
    answer = client.execute(app_operations.APP_RESTORE, {"app": app})["appRestore"]
    hint = "See what can be restored:  pic apps list --deleted"
    restored = success(answer, "AppRestoreSuccess", hint=hint)["app"]
    url = path_form(client.url, restored["name"])
    if as_json:
        output.print_json(
            restored | {"url": url, "hostUrl": host_form(client.url, restored["name"])}
        )
    else:
        click.echo(f"{restored['name']} is back: {url}")


@click.command()
@click.argument("app", shell_complete=suggestions.apps)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=LIMIT",
    help="A quota for this app only, or `default`; for admins; may be repeated.",
)
@output.json_option
@click.pass_obj
def quota(state: State, app: str, changes: tuple[str, ...], as_json: bool) -> None:
    """Show what the app APP has and may have."""
    client = state.client()
    if changes:
        variables = {"app": app, "quotas": [_change(text) for text in changes]}
        answer = client.execute(app_operations.APP_QUOTA_SET, variables)["appQuotaSet"]
        found = success(answer, "AppQuotaSetSuccess", hint=_APPS)["app"]
    else:
        found = client.execute(app_operations.APP_QUOTAS, {"app": app})["app"]
    if found is None:
        raise no_such_app(app)
    if as_json:
        output.print_json(found["quotas"])
        return
    output.table(
        ["QUOTA", "USED", "LIMIT", ""],
        [
            [
                each["name"].lower(),
                str(each["used"]),
                str(each["limit"]),
                "of its own" if each["isOwn"] else "",
            ]
            for each in found["quotas"]
        ],
    )


def list_deleted(state: State, as_json: bool) -> None:
    """Print the apps that can be restored."""
    client = state.client()

    def page(after: str | None) -> Any:
        return client.execute(app_operations.DELETED_APPS, {"after": after})["deletedApps"]

    show_deleted(list(paging.nodes(page)), "APP", as_json)


def show_deleted(found: list[Any], heading: str, as_json: bool) -> None:
    """Print what can be restored."""
    if as_json:
        output.print_json(found)
    elif not found:
        click.echo("Nothing is deleted that could be restored.")
    else:
        output.table(
            [heading, "DELETED", "BY", "RESTORABLE UNTIL"],
            [
                [
                    each["name"],
                    output.local_time(each["deletedAt"]),
                    output.escape((each["deletedBy"] or {}).get("email", "-")),
                    output.local_time(each["purgeAt"]),
                ]
                for each in found
            ],
        )


def _change(text: str) -> dict[str, object]:
    name, equals, value = text.partition("=")
    if name not in list(Quota):
        raise click.UsageError(f"There is no quota {name!r}; there are {', '.join(Quota)}.")
    if not equals or not (value == "default" or value.isdecimal()):
        raise click.UsageError(f"{text!r} is not of the form NAME=LIMIT or NAME=default.")
    return {"name": name.upper(), "limit": None if value == "default" else int(value)}
