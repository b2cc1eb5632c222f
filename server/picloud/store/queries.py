"""The SQL of the store, read once from `sql/*.sql` into named statements.

A block is `-- name: list_scripts`, one comment sentence, and one statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final

_BLOCK: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Split one file into its statements by name."""
    parts = _BLOCK.split(text)
    if parts[0].strip():
        raise ValueError("SQL before the first `-- name:`")
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError("two SQL blocks have the same name")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}


def load() -> Mapping[str, str]:
    """Read every file of `sql/`."""
    queries: dict[str, str] = {}
    for file in sorted(resources.files("picloud.store").joinpath("sql").iterdir(), key=str):
        if not file.name.endswith(".sql"):
            continue
        found = parse(file.read_text(encoding="utf-8"))
        if twice := queries.keys() & found.keys():
            raise ValueError(f"two SQL blocks are named {sorted(twice)}")
        queries |= found
    return MappingProxyType(queries)


SQL: Final[Mapping[str, str]] = load()
