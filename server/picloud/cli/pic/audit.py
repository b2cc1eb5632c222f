"""`pic audit`, `pic audit export`: who did what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from picloud.cli.pic import operations, output, paging, suggestions, times
from picloud.cli.pic.client import Client
from picloud.cli.pic.errors import no_such_app
from picloud.cli.pic.state import State

F = TypeVar("F", bound=Callable[..., Any])


def _filters(function: F) -> F:
    for option in reversed(
        (
            click.option("--app", shell_complete=suggestions.apps, help="Only about this app."),
            click.option("--actor", metavar="EMAIL", help="Only by this user."),
            click.option("--action", metavar="NOUN.VERB", help="Only this, as app.create."),
            click.option("--target", metavar="NAME", help="Only done to this."),
            click.option("--since", metavar="24h", callback=times.past, help="From this time on."),
            click.option("--until", metavar="1h", callback=times.past, help="Before this time."),
        )
    ):
        function = option(function)
    return function


@click.group(invoke_without_command=True)
@_filters
@click.option(
    "-n", "count", type=click.IntRange(1, 100), default=20, show_default=True, help="How many."
)
@output.json_option
@click.pass_context
def audit(
    context: click.Context, /, app: str | None, count: int, as_json: bool, **wanted: str | None
) -> None:
    """Print who did what, the newest last: of an app you own, as an admin of all."""
    if context.invoked_subcommand is not None:
        return
    state: State = context.obj
    found = _page(state.client(), app, wanted, last=count)
    entries = [edge["node"] for edge in found["edges"]]
    if as_json:
        for entry in entries:
            output.print_json(entry)
    elif not entries:
        click.echo("The audit log has no such entry.")
    else:
        output.table(
            ["WHEN", "WHO", "WITH", "FROM", "WHAT", "ON", "BEFORE -> AFTER"],
            [_row(entry) for entry in entries],
        )


@audit.command()
@_filters
@output.json_option
@click.pass_obj
def export(state: State, /, app: str | None, as_json: bool, **wanted: str | None) -> None:
    """Print every entry, the oldest first, as a JSON document on a line of its own.

    With --json a failure is a document too.
    """
    for entry in _all(state.client(), app, wanted):
        output.print_json(entry)


def _all(client: Client, app: str | None, wanted: dict[str, str | None]) -> Iterator[Any]:
    return paging.nodes(lambda after: _page(client, app, wanted, first=100, after=after))


def _page(client: Client, app: str | None, wanted: dict[str, str | None], **page: Any) -> Any:
    where = {name: value for name, value in wanted.items() if value is not None}
    variables = {"where": where, **page}
    if app is None:
        return client.execute(operations.AUDIT, variables)["auditEntries"]
    found = client.execute(operations.APP_AUDIT, {"app": app, **variables})["app"]
    if found is None:
        raise no_such_app(app)
    return found["auditEntries"]


def _row(entry: Any) -> list[str]:
    credential = (entry["credential"] or "-").lower()
    if entry["token"]:
        credential = f"token {entry['token']['name']}"
    texts = (
        output.local_time(entry["at"]),
        entry["actor"] or "-",
        credential,
        entry["address"],
        entry["action"],
        entry["target"] or "-",
        f"{_brief(entry['before'])} -> {_brief(entry['after'])}",
    )
    return [output.escape(text).replace("\n", "\\n") for text in texts]


def _brief(details: Any) -> str:
    return "-" if details is None else json.dumps(details, ensure_ascii=False)
