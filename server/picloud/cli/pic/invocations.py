"""`pic invocations`."""

from __future__ import annotations

import click

from picloud.cli.pic import operations, output, suggestions
from picloud.cli.pic.operations import Invocation
from picloud.cli.pic.scripts import no_such_script
from picloud.cli.pic.state import State, script_name


@click.command()
@click.argument(
    "script", callback=script_name, shell_complete=suggestions.scripts, metavar="APP/SCRIPT"
)
@click.option("-n", "count", type=click.IntRange(1, 100), default=20, show_default=True)
@output.json_option
@click.pass_obj
def invocations(state: State, script: tuple[str, str], count: int, as_json: bool) -> None:
    """List the newest runs of a script, newest last."""
    app, name = script
    variables = {"app": app, "script": name, "last": count}
    found = state.client().execute(operations.INVOCATIONS, variables)["script"]
    if found is None:
        raise no_such_script(app, name)
    runs: list[Invocation] = [edge["node"] for edge in found["invocations"]["edges"]]
    if as_json:
        output.print_json(runs)
    elif not runs:
        click.echo(f"No runs yet. Call it:  pic invoke {app}/{name}")
    else:
        output.table(
            ["STARTED", "OUTCOME", "STATUS", "MS", "START", "VERSION", "REQUEST", "ID"],
            [_row(run) for run in runs],
        )


def _row(run: Invocation) -> list[str]:
    outcome = run["outcome"]
    request = f"{run['method'] or run['trigger'].lower()} {run['path'] or ''}".strip()
    return [
        output.local_time(run["startedAt"]),
        click.style(outcome.lower(), fg=output.OUTCOME_COLOURS.get(outcome, "red")),
        str(run["status"] or "-"),
        f"{run['durationMs']:.1f}",
        "cold" if run["cold"] else "warm",
        str(run["version"]["number"]) if run["version"] else "-",
        output.escape(request if len(request) <= 60 else f"{request[:59]}…"),
        run["invocationId"],
    ]
