"""Writing to the log with a level and fields: `pic.log`."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Final, Literal

Level = Literal["debug", "info", "warning", "error", "critical"]

_LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_PLAIN: Final = re.compile(r"[^\s\"=]+")


def log(message: object, /, level: Level = "info", **fields: object) -> None:
    """Write one log record: `pic.log("paid", order=17)` reads `paid order=17`.

    A value with spaces, quotes or nothing in it is quoted. Raises ValueError for an unknown level.
    """
    if level not in _LEVELS:
        raise ValueError(f"there is no level {level!r}; there are {', '.join(_LEVELS)}")
    pairs = (f" {name}={_shown(value)}" for name, value in fields.items())
    _Sink.write(_LEVELS[level], f"{message}{''.join(pairs)}")


def _shown(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _to_stderr(level: int, text: str) -> None:
    print(f"{logging.getLevelName(level).lower()}: {text}", file=sys.stderr)


class _Sink:
    write: Callable[[int, str], None] = staticmethod(_to_stderr)


def provide(write: Callable[[int, str], None]) -> None:
    """Called by the sandbox: records go there."""
    _Sink.write = staticmethod(write)
