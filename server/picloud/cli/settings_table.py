"""The settings as `picloud config` shows them; secrets stay masked."""

from __future__ import annotations

import dataclasses
from typing import TypedDict

from picloud.config import Loaded, Settings, variable
from picloud.config_values import Secret


class Row(TypedDict):
    """One setting."""

    name: str
    variable: str
    value: str | int | bool | None
    source: str
    help: str


def rows(loaded: Loaded) -> list[Row]:
    """Every setting in the order of its declaration."""
    return [
        Row(
            name=item.name,
            variable=variable(item.name),
            value=_shown(getattr(loaded.settings, item.name)),
            source=loaded.sources[item.name],
            help=item.metadata["help"],
        )
        for item in dataclasses.fields(Settings)
    ]


def table(loaded: Loaded) -> str:
    """For people: a line for the value, a line for its meaning."""
    lines = []
    for row in rows(loaded):
        value = "(unset)" if row["value"] is None else row["value"]
        lines.append(f"{row['variable']} = {value}   [{row['source']}]")
        lines.append(f"    {row['help']}")
    lines.extend(f"warning: {warning}" for warning in loaded.warnings)
    return "".join(f"{line}\n" for line in lines)


def _shown(value: object) -> str | int | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    return "***" if isinstance(value, Secret) else str(value)
