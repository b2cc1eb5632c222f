"""How `pic` prints: JSON documents, plain tables, times, and text that can't drive the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import click

from picloud.cli.pic.errors import JSON_WANTED

F = TypeVar("F", bound=Callable[..., Any])

# C0 and C1 controls, line and paragraph separators, and the marks that reorder text.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
OUTCOME_COLOURS: Final = {"OK": "green", "REJECTED": "yellow", "CANCELLED": "yellow"}


def json_option(function: F) -> F:
    """Give a command `--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, callback=_remember, help="Print JSON for programs."
    )(function)


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.meta[JSON_WANTED] = value
    return value


def print_json(document: object) -> None:
    """One JSON document on a line of its own, in ASCII so that no terminal misreads it."""
    click.echo(json.dumps(document))


def note(message: str) -> None:
    """Something for people, beside the output."""
    click.echo(message, err=True)


def escape(text: str) -> str:
    r"""Text with control characters shown (`\x1b`), tabs and newlines kept."""
    return _UNSAFE.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    point = ord(match[0])
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def local_time(stamp: str, *, utc: bool = False) -> str:
    """`2026-11-21 23:15:00.123+01:00`, in the time zone of the reader."""
    moment = datetime.fromisoformat(stamp)
    shown = moment if utc else moment.astimezone()
    return shown.isoformat(sep=" ", timespec="milliseconds")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns for people. Colours may be in the cells; they take no width."""
    lines = [[click.style(heading, bold=True) for heading in headings], *map(list, rows)]
    widths = [max(len(click.unstyle(line[i])) for line in lines) for i in range(len(headings))]
    for line in lines:
        cells = (
            cell + " " * (width - len(click.unstyle(cell)))
            for cell, width in zip(line, widths, strict=True)
        )
        click.echo("  ".join(cells).rstrip())
