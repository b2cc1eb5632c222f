"""`pic versions`, `pic versions diff`."""

from __future__ import annotations

from typing import Any

import click

from picloud.cli.pic import limits, operations, output, suggestions
from picloud.cli.pic.errors import CliError
from picloud.cli.pic.scripts import no_such_script
from picloud.cli.pic.state import State, script_name

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


class _ListUnlessTold(click.Group):
    """`pic versions demo/hello` lists: a script's name has a slash, a command's has none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListUnlessTold)
def versions() -> None:
    """List the versions of a script, or compare two: pic versions APP/SCRIPT."""


@versions.command("list")
@click.argument(
    "script", callback=script_name, shell_complete=suggestions.scripts, metavar="APP/SCRIPT"
)
@click.option("-n", "count", type=click.IntRange(1, 100), default=20, show_default=True)
@output.json_option
@click.pass_obj
def list_versions(state: State, script: tuple[str, str], count: int, as_json: bool) -> None:
    """List the newest versions of a script, oldest first; * marks the one that serves.

    Of several that serve, each shows how many of a hundred requests it gets.
    """
    app, name = script
    variables = {"app": app, "script": name, "last": count}
    found = state.client().execute(operations.VERSIONS, variables)["script"]
    if found is None:
        raise no_such_script(app, name)
    weights = weights_of(found["activeDeployment"])
    listed = [edge["node"] for edge in found["versions"]["edges"]]
    if as_json:
        output.print_json(
            [
                version
                | {
                    "active": version["number"] in weights,
                    "weight": weights.get(version["number"], 0),
                }
                for version in listed
            ]
        )
        return
    output.table(
        ["", "VERSION", "FILE", "KIND", "DIGEST", "BY", "CREATED", "MESSAGE", "LIMITS"],
        [[_mark(version, weights), *_row(version)] for version in listed],
    )


@versions.command()
@click.argument(
    "script", callback=script_name, shell_complete=suggestions.scripts, metavar="APP/SCRIPT"
)
@click.argument("before", type=click.IntRange(1))
@click.argument("after", type=click.IntRange(1))
@output.json_option
@click.pass_obj
def diff(state: State, script: tuple[str, str], before: int, after: int, as_json: bool) -> None:
    """Show how version AFTER differs from version BEFORE: its files and its settings."""
    app, name = script
    variables = {"app": app, "script": name, "before": before, "after": after}
    found = state.client().execute(operations.COMPARISON, variables)["script"]
    if found is None:
        raise no_such_script(app, name)
    comparison = found["comparison"]
    if comparison is None:
        raise CliError(
            "not_found",
            f"{app}/{name} has no version {before} or {after}.",
            hint=f"See the versions there are:  pic versions {app}/{name}",
        )
    if as_json:
        output.print_json(comparison)
        return
    for file in comparison["files"]:
        _print_file(file)
    for setting in comparison["settings"]:
        was, becomes = (output.escape(setting[side]) for side in ("before", "after"))
        click.echo(f"{setting['name']}: {was} -> {becomes}")
    if not comparison["files"] and not comparison["settings"]:
        click.echo(f"Versions {before} and {after} do not differ.")


def weights_of(deployment: Any) -> dict[int, int]:
    """How many of a hundred requests each version gets, by number."""
    targets = deployment["targets"] if deployment else []
    return {target["version"]["number"]: target["weight"] for target in targets}


def _mark(version: Any, weights: dict[int, int]) -> str:
    weight = weights.get(version["number"])
    if weight is None:
        return ""
    return "*" if weight == 100 else f"{weight}%"


def _row(version: Any) -> list[str]:
    return [
        str(version["number"]),
        output.escape(version["filename"]),
        version["kind"].lower(),
        version["digest"].removeprefix("sha256:")[:12],
        (version["createdBy"] or {}).get("email", "-"),
        output.local_time(version["createdAt"]),
        output.escape(first_line(version["message"])),
        limits.unusual(version),
    ]


def first_line(message: str | None) -> str:
    """What a table shows of a message."""
    return (message or "-").splitlines()[0]


def _print_file(file: Any) -> None:
    if file["unified"] is None:
        what = file["change"].lower()
        click.echo(f"{output.escape(file['path'])}: {what}; it can't be shown as text")
        return
    for line in file["unified"].splitlines():
        shown = output.escape(line)
        click.echo(click.style(shown, fg=_COLOURS.get(line[:1])))
