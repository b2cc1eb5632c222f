"""How `pic` prints: JSON documents, plain tables, times, and text that can't drive the terminal."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
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
_GAP: Final = "  "
_NARROWEST: Final = 8  # columns
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
    """Columns for people. Colours may be in the cells; they take no width.

    On a terminal the widest columns give way, ending in `…`, until a row fits on one line.
    """
    lines = [[click.style(heading, bold=True) for heading in headings], *map(list, rows)]
    widths = [max(width(line[i]) for line in lines) for i in range(len(headings))]
    if sys.stdout.isatty():
        widths = _fitting(widths, shutil.get_terminal_size().columns)
    for line in lines:
        cells = (_cell(text, size) for text, size in zip(line, widths, strict=True))
        click.echo(_GAP.join(cells).rstrip())


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_columns(character) for character in click.unstyle(text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _fitting(widths: list[int], columns: int) -> list[int]:
    """The widths, the widest made smaller as far as need be and no column unreadable."""
    spare = columns - len(_GAP) * (len(widths) - 1)
    fitted = list(widths)
    while sum(fitted) > spare and max(fitted) > _NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _cell(text: str, size: int) -> str:
    if width(text) <= size:
        return text + " " * (size - width(text))
    shown, taken = "", 0
    for character in click.unstyle(text):
        if taken + _columns(character) > size - 1:
            break
        shown += character
        taken += _columns(character)
    return shown + "…" + " " * (size - 1 - taken)
