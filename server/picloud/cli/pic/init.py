"""`pic init`: a script to begin with, and a test of it that runs under plain Python."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from picloud import assets
from picloud.cli.pic import output
from picloud.cli.pic.errors import CliError

FIRST: Final = "hello"
_TEST: Final = '''"""Runs under plain Python where picloud is installed: `python -m pytest`."""

from pic.testing import request

import {module}


def test_it_answers() -> None:
    answer = {module}.handler(request(query={{"name": "you"}}))
    assert answer["hello"] == "you"
'''


def _templates() -> dict[str, Path]:
    """The examples by name, `hello` first."""
    found = sorted(assets.examples().glob("*.py"), key=lambda file: (file.stem != FIRST, file.stem))
    return {file.stem.replace("_", "-"): file for file in found}


def _offer(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _templates() if name.startswith(incomplete)]


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option(
    "--template",
    "-t",
    default=FIRST,
    show_default=True,
    shell_complete=_offer,
    help="Which script.",
)
@click.option("--list", "listing", is_flag=True, help="List the templates.")
@output.json_option
def init(directory: Path, template: str, listing: bool, as_json: bool) -> None:
    """Write a script to begin with into DIRECTORY. Files that are there are left alone."""
    templates = _templates()
    if listing:
        _list(templates, as_json)
        return
    source = templates.get(template)
    if source is None:
        raise CliError(
            "not_found",
            f"There is no template {template!r}.",
            hint="See what there is:  pic init --list",
        )
    files = {source.name: source.read_text(encoding="utf-8")}
    if template == FIRST:
        files[f"test_{source.stem}.py"] = _TEST.format(module=source.stem)
    _write(directory, files)
    script = directory / source.name
    if as_json:
        written = [str(directory / name) for name in files]
        output.print_json({"template": template, "files": written})
        return
    for name in files:
        click.echo(f"Wrote {directory / name}.")
    click.echo(f"Try it:     pic dev {script}")
    click.echo(f"Deploy it:  pic deploy {script} --app APP")


def _list(templates: dict[str, Path], as_json: bool) -> None:
    found = {name: _summary(file) for name, file in templates.items()}
    if as_json:
        output.print_json([{"name": name, "summary": said} for name, said in found.items()])
    else:
        output.table(["TEMPLATE", "WHAT IT DOES"], [[name, said] for name, said in found.items()])


def _summary(file: Path) -> str:
    """The first line of a module's docstring."""
    return file.read_text(encoding="utf-8").partition("\n")[0].strip('"')


def _write(directory: Path, files: dict[str, str]) -> None:
    """Write all of the files or none of them."""
    taken = [name for name in files if (directory / name).exists()]
    if taken:
        raise CliError(
            "file_exists",
            f"{directory / taken[0]} exists already; nothing was written.",
            hint="Choose another directory:  pic init DIRECTORY",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise CliError("file_unwritable", f"{directory} can't be written to: {why}.") from exc
