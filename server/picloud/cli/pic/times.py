"""Points in time as people write them: `90m`, `7d`, `2026-11-22`, `2026-11-22T14:00`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

import click

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}  # seconds
_SPAN: Final = re.compile(r"([0-9]{1,9})([smhdw])")


def parse(text: str, *, now: datetime, ago: bool) -> datetime:
    """A span is counted from now, back if `ago`; a time without a zone is the reader's.

    Raises `click.BadParameter`.
    """
    try:
        if match := _SPAN.fullmatch(text):
            span = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
            return now - span if ago else now + span
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError) as exc:
        raise click.BadParameter(
            f"{text!r} is no time: give a span like 90m, 24h or 7d, or a time like "
            "2026-11-22T14:00."
        ) from exc


def past(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """A callback: a span is so long ago."""
    return _iso(text, ago=True)


def future(context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """A callback: a span is so far ahead."""
    return _iso(text, ago=False)


def _iso(text: str | None, *, ago: bool) -> str | None:
    now = datetime.now().astimezone()
    return None if text is None else parse(text, now=now, ago=ago).isoformat()
