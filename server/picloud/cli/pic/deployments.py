"""`pic rollback`, `pic promote`, `pic split`, `pic deployments`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import click

from picloud.cli.pic import operations, output, suggestions
from picloud.cli.pic.client import success
from picloud.cli.pic.scripts import no_such_script
from picloud.cli.pic.state import State, script_name
from picloud.cli.pic.versions import first_line, weights_of

_SHARE: Final = re.compile(r"v?(\d{1,9})[:=](\d{1,3})%?")
_script = click.argument(
    "script", callback=script_name, shell_complete=suggestions.scripts, metavar="APP/SCRIPT"
)
_message = click.option("-m", "--message", help="What the history says about it.")


@click.command()
@_script
@click.option("--to", type=int, metavar="N", help="The version; else the one that served before.")
@_message
@output.json_option
@click.pass_obj
def rollback(
    state: State, script: tuple[str, str], to: int | None, message: str | None, as_json: bool
) -> None:
    """Let an earlier version serve again, at once.

    That is a new deployment; rolling back twice leads to where you began.
    """
    wanted = {"to": to, "message": message}
    done = _send(state, script, "scriptRollback", operations.SCRIPT_ROLLBACK, wanted)
    _print(script, done, "Rolled back", as_json=as_json)


@click.command()
@_script
@click.argument("number", type=click.IntRange(1))
@_message
@output.json_option
@click.pass_obj
def promote(
    state: State, script: tuple[str, str], number: int, message: str | None, as_json: bool
) -> None:
    """Let version NUMBER get all requests of a script."""
    wanted = {"number": number, "message": message}
    done = _send(state, script, "scriptPromote", operations.SCRIPT_PROMOTE, wanted)
    _print(script, done, "Promoted", as_json=as_json)


@click.command()
@_script
@click.argument("shares", nargs=-1, metavar="[N:WEIGHT]...")
@_message
@output.json_option
@click.pass_obj
def split(
    state: State,
    script: tuple[str, str],
    shares: tuple[str, ...],
    message: str | None,
    as_json: bool,
) -> None:
    """Share the requests of a script: pic split demo/hello 12:90 13:10.

    The weights add up to 100. Without any, show how requests are shared, and how the newest
    invocations fell on the versions. pic promote ends a split.
    """
    if not shares:
        _show(state, script, as_json=as_json)
        return
    wanted = {"targets": _targets(shares), "message": message}
    done = _send(state, script, "scriptSplit", operations.SCRIPT_SPLIT, wanted)
    _print(script, done, "Split", as_json=as_json)


@click.command()
@_script
@click.option("-n", "count", type=click.IntRange(1, 100), default=20, show_default=True)
@output.json_option
@click.pass_obj
def deployments(state: State, script: tuple[str, str], count: int, as_json: bool) -> None:
    """List what served a script when, newest last."""
    app, name = script
    variables = {"app": app, "script": name, "last": count}
    found = state.client().execute(operations.DEPLOYMENTS, variables)["script"]
    if found is None:
        raise no_such_script(app, name)
    history = [edge["node"] for edge in found["deployments"]["edges"]]
    if as_json:
        output.print_json(history)
    elif not history:
        click.echo(f"Nothing has served yet. Let a version:  pic promote {app}/{name} N")
    else:
        rows = [_row(deployment) for deployment in history]
        output.table(["SINCE", "KIND", "VERSION", "BEFORE", "BY", "MESSAGE"], rows)


def _send(
    state: State, script: tuple[str, str], field: str, document: str, wanted: dict[str, Any]
) -> Any:
    app, name = script
    answer = state.client().execute(document, {"input": {"app": app, "name": name, **wanted}})
    typename = f"{field[0].upper()}{field[1:]}Success"
    hint = f"See the versions there are:  pic versions {app}/{name}"
    return success(answer[field], typename, hint=hint)


def _print(script: tuple[str, str], done: Any, verb: str, *, as_json: bool) -> None:
    name, deployment = "/".join(script), done["deployment"]
    if as_json:
        output.print_json(
            {
                "app": script[0],
                "script": script[1],
                "unchanged": done["unchanged"],
                "deployment": deployment,
            }
        )
        return
    serves = _serves(deployment)
    if done["unchanged"]:
        click.echo(f"Unchanged: {name} is served by {serves} already.")
        return
    click.echo(f"{verb}: {name} is served by {serves} now.")
    click.echo(f"Undo it:  pic rollback {name}")


def _serves(deployment: Any) -> str:
    weights = weights_of(deployment)
    if len(weights) == 1:
        return f"version {next(iter(weights))}"
    return "versions " + ", ".join(f"{number} ({weight} %)" for number, weight in weights.items())


def _targets(shares: Sequence[str]) -> list[dict[str, int]]:
    targets = []
    for text in shares:
        match = _SHARE.fullmatch(text)
        if match is None:
            raise click.BadParameter(f"{text!r} is not of the form VERSION:WEIGHT, like 12:90.")
        targets.append({"number": int(match[1]), "weight": int(match[2])})
    return targets


def _show(state: State, script: tuple[str, str], *, as_json: bool) -> None:
    app, name = script
    found = state.client().execute(operations.SPLIT, {"app": app, "script": name})["script"]
    if found is None:
        raise no_such_script(app, name)
    weights = weights_of(found["activeDeployment"])
    counts = {each["version"]["number"]: each for each in found["versionCounts"]}
    shown = [
        {
            "version": number,
            "weight": weights.get(number, 0),
            "invocations": counts[number]["invocations"] if number in counts else 0,
            "failed": counts[number]["failed"] if number in counts else 0,
        }
        for number in sorted({*weights, *counts})
    ]
    if as_json:
        output.print_json(shown)
        return
    output.table(
        ["VERSION", "WEIGHT", "INVOCATIONS", "FAILED"],
        [[str(value) for value in each.values()] for each in shown],
    )


def _row(deployment: Any) -> list[str]:
    weights, previous = weights_of(deployment), deployment["previous"]
    return [
        output.local_time(deployment["createdAt"]),
        deployment["kind"].lower(),
        _shares(weights),
        _shares(weights_of(previous)) if previous else "-",
        (deployment["createdBy"] or {}).get("email", "-"),
        output.escape(first_line(deployment["message"])),
    ]


def _shares(weights: dict[int, int]) -> str:
    if len(weights) == 1:
        return str(next(iter(weights)))
    return " ".join(f"{number}:{weight}" for number, weight in weights.items())
