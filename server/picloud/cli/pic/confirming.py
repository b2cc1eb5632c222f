"""Asking for the name of what is about to be deleted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def confirm_option(function: F) -> F:
    """Give a command `--confirm`."""
    return click.option(
        "--confirm", metavar="NAME", help="The name again, for where nobody can be asked."
    )(function)


def confirmed(given: str | None, *, name: str, what: str) -> str:
    """The name as it was repeated: by the option, or at the terminal."""
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nobody can be asked here: repeat the name with --confirm {name}.")
    answer: str = click.prompt(f"Type {name} to delete {what}", err=True)
    return answer
