"""Limits on the command line: `--timeout 5s`, `--limit log_bytes=1MiB`; and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from picloud.config_values import size
from picloud.domain.limits import NAMES, Limits

F = TypeVar("F", bound=Callable[..., Any])

_UNITS: Final[Mapping[str, int]] = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
_MEMORY: Final = re.compile(r"(\d+)\s*(?:mb|mib)?", re.IGNORECASE)
_MOST: Final = 2**31 - 1  # GraphQL's integers; the platform knows the real ceilings


def options(function: F) -> F:
    """Give a command the options that say what a version may use."""
    for option in reversed(
        (
            click.option("--timeout", metavar="5s", callback=_duration, help="Wall time."),
            click.option("--memory", metavar="MB", callback=_memory, help="Memory."),
            click.option("--concurrency", type=int, help="Async invocations one sandbox runs."),
            click.option(
                "--rate", type=int, help="Requests per second; 0: as the platform allows."
            ),
            click.option(
                "--isolation",
                type=click.Choice(["sandbox", "invocation"]),
                help="invocation: nothing survives from one invocation to the next.",
            ),
            click.option(
                "--limit",
                "named",
                multiple=True,
                metavar="NAME=VALUE",
                callback=_named,
                shell_complete=_offer,
                help="Any limit by its name; may be repeated.",
            ),
            click.option(
                "--reset-limits", is_flag=True, help="Begin with the defaults of the platform."
            ),
        )
    ):
        function = option(function)
    return function


def given(
    *,
    timeout: int | None,
    memory: int | None,
    concurrency: int | None,
    rate: int | None,
    named: Mapping[str, int],
) -> dict[str, int] | None:
    """The limits as the mutation takes them; None when none was given."""
    asked = {
        "timeout_ms": timeout,
        "memory_mb": memory,
        "concurrency": concurrency,
        "rate_per_second": rate,
    }
    short = {name: value for name, value in asked.items() if value is not None}
    if twice := sorted(short.keys() & named.keys()):
        raise click.UsageError(f"The limit {twice[0]} is given twice.")
    found = {**short, **named}
    for name, value in found.items():
        if not 0 <= value <= _MOST:
            raise click.UsageError(f"The limit {name}={value} is not from 0 to {_MOST}.")
    return {_camel(name): value for name, value in found.items()} or None


def unusual(version: Mapping[str, Any]) -> str:
    """What of a version differs from what most have; `-` for nothing."""
    usual = Limits()
    shown = [
        f"{name}={version['limits'][_camel(name)]}"
        for name in NAMES
        if version["limits"][_camel(name)] != getattr(usual, name)
    ]
    if version["isolation"] != "SANDBOX":
        shown.append(f"isolation={version['isolation'].lower()}")
    return " ".join(shown) or "-"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _duration(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    return None if text is None else _milliseconds(text)


def _memory(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    return None if text is None else _megabytes(text)


def _named(
    context: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.")
        if name not in NAMES:
            raise click.BadParameter(f"{name!r} is no limit; there are {', '.join(NAMES)}.")
        if name in found:
            raise click.BadParameter(f"{name} is given twice.")
        found[name] = _value(name, value)
    return found


def _value(name: str, text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    if name.endswith("_ms"):
        return _milliseconds(text)
    if name == "memory_mb":
        return _megabytes(text)
    try:
        if name.endswith("_bytes"):
            return int(str(size(0, _MOST)(text)))
        return int(text)
    except ValueError as fault:
        raise click.BadParameter(f"{name}: {fault}") from None


def _milliseconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no time such as 500ms, 5s or 2m.")
    return round(float(match[1]) * _UNITS[match[2]])


def _megabytes(text: str) -> int:
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no number of megabytes.")
    return int(match[1])


def _offer(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [f"{name}=" for name in NAMES if name.startswith(incomplete)]
