"""`pic logs`: the newest records, and with -f those to come, none lost and none twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import click

from picloud.cli.pic import operations, output, suggestions
from picloud.cli.pic.client import Client
from picloud.cli.pic.errors import no_such_app
from picloud.cli.pic.operations import LogRecord
from picloud.cli.pic.scripts import no_such_script
from picloud.cli.pic.state import State, log_source

_PAGE: Final = 100
_COLOURS: Final = {
    "DEBUG": "bright_black",
    "INFO": "green",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "magenta",
}


@click.command()
@click.argument(
    "source", callback=log_source, shell_complete=suggestions.scripts, metavar="APP/SCRIPT|APP"
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--level", type=click.Choice(list(_COLOURS), case_sensitive=False))
@click.option("-n", "count", type=click.IntRange(0, 10_000), default=20, show_default=True)
@click.option("--utc", is_flag=True, help="Times in UTC instead of the local zone.")
@output.json_option
@click.pass_obj
def logs(
    state: State,
    source: tuple[str, str | None],
    follow: bool,
    level: str | None,
    count: int,
    utc: bool,
    as_json: bool,
) -> None:
    """Print the newest log records of a script, or of all scripts of an app.

    --level prints records of that level and above. With -f the tail survives restarts of the
    platform: no record is lost, none printed twice. Control characters are shown, not obeyed.
    """
    client = state.client()
    named = source[1] is None
    emit = _as_json if as_json else printer(named, utc)
    records, live_cursor = _newest(client, source, level, count)
    try:
        for record in records:
            emit(record)
        if follow:
            asyncio.run(_follow(client, source, level, live_cursor, emit))
    except KeyboardInterrupt:
        click.echo(err=True)


def _newest(
    client: Client, source: tuple[str, str | None], level: str | None, count: int
) -> tuple[list[LogRecord], str]:
    """The newest `count` records, oldest first, and where a live tail goes on after them."""
    records: list[LogRecord] = []
    before: str | None = None
    live_cursor: str | None = None
    while True:
        wanted = min(_PAGE, count - len(records))
        page = _page(client, source, {"level": level, "last": max(wanted, 1), "before": before})
        live_cursor = live_cursor or page["liveCursor"]
        if wanted:
            records[:0] = [edge["node"] for edge in page["edges"]]
        before = page["pageInfo"]["startCursor"]
        if len(records) >= count or not page["pageInfo"]["hasPreviousPage"]:
            return records, live_cursor


def _page(client: Client, source: tuple[str, str | None], window: dict[str, object]) -> Any:
    app, script = source
    if script is None:
        owner = client.execute(operations.APP_LOGS, {"app": app, **window})["owner"]
        if owner is None:
            raise no_such_app(app)
    else:
        variables = {"app": app, "script": script, **window}
        owner = client.execute(operations.SCRIPT_LOGS, variables)["owner"]
        if owner is None:
            raise no_such_script(app, script)
    return owner["logRecords"]


async def _follow(
    client: Client,
    source: tuple[str, str | None],
    level: str | None,
    cursor: str,
    emit: Callable[[LogRecord], None],
) -> None:
    from picloud.cli.pic.follow import follow  # the WebSocket library costs 0.1 s

    await follow(
        client.target,
        operations.LOG_TAIL,
        {"app": source[0], "script": source[1], "level": level},
        cursor=cursor,
        emit=lambda event: emit(event["logRecord"]),
        notice=output.note,
    )


def _as_json(record: LogRecord) -> None:
    click.echo(json.dumps({**record, "script": _script(record)}))


def _script(record: LogRecord) -> str | None:
    return record["script"]["name"] if record["script"] else None


def printer(named: bool, utc: bool) -> Callable[[LogRecord], None]:
    """Prints records for people, with the script's name if `named`."""

    def emit(record: LogRecord) -> None:
        first, *more = output.escape(record["text"]).split("\n") or [""]
        level = click.style(f"{record['level']:<8}", fg=_COLOURS[record["level"]])
        time = click.style(output.local_time(record["loggedAt"], utc=utc), dim=True)
        name = f" {_script(record) or '-'}" if named else ""
        click.echo("\n".join([f"{time} {level}{name} {first}", *(f"  | {line}" for line in more)]))

    return emit
