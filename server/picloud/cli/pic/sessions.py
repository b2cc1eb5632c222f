"""`pic sessions`: where you are logged in."""

from __future__ import annotations

import click

from picloud.cli.pic import output, paging
from picloud.cli.pic import people_operations as operations
from picloud.cli.pic.client import success
from picloud.cli.pic.state import State


@click.group()
def sessions() -> None:
    """See where you are logged in, and end it."""


@sessions.command("list")
@output.json_option
@click.pass_obj
def list_sessions(state: State, as_json: bool) -> None:
    """List your sessions; * marks the one of this command."""
    client = state.client()
    found = list(
        paging.nodes(
            lambda after: client.execute(operations.SESSIONS, {"after": after})["viewer"][
                "sessions"
            ]
        )
    )
    if as_json:
        output.print_json(found)
        return
    output.table(
        ["", "BY", "FROM", "PROGRAM", "SINCE", "LAST USED", "ID"],
        [
            [
                "*" if each["current"] else "",
                each["method"].lower(),
                output.escape(each["address"]) or "-",
                output.escape(each["agent"]) or "-",
                output.local_time(each["createdAt"]),
                output.local_time(each["usedAt"]),
                each["id"],
            ]
            for each in found
        ],
    )


@sessions.command()
@click.argument("id", required=False)
@click.option("--others", is_flag=True, help="All but the one of this command.")
@output.json_option
@click.pass_obj
def revoke(state: State, id: str | None, others: bool, as_json: bool) -> None:
    """End the session ID of yours, or all the others."""
    if (id is not None) == others:
        raise click.UsageError("Give an ID, or --others.")
    client = state.client()
    if id is not None:
        answer = client.execute(operations.SESSION_REVOKE, {"id": id})["sessionRevoke"]
        success(answer, "SessionRevokeSuccess", hint="See which there are:  pic sessions list")
        ended = 1
    else:
        answer = client.execute(operations.SESSION_REVOKE_OTHERS)["sessionRevokeOthers"]
        ended = success(answer, "SessionRevokeOthersSuccess")["ended"]
    if as_json:
        output.print_json({"ended": ended})
    else:
        click.echo(f"Ended {ended} session{'' if ended == 1 else 's'}.")
