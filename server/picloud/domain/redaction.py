"""Values of secrets that a script prints are hidden before a record of it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MASK: Final = "••••"
LEAST: Final = 4  # characters; a shorter value is part of too many words
LEAST_LINE: Final = 8  # characters of a line of a value of several, which is printed line by line


class Redactor:
    """Replaces the exact values of secrets in a text."""

    def __init__(self, values: Iterable[str]) -> None:
        hidden = {part for value in values for part in _parts(value)}
        # A value that holds another one is hidden whole.
        self._hidden = sorted(hidden, key=len, reverse=True)

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._hidden)

    def __call__(self, text: str) -> str:
        for value in self._hidden:
            if value in text:
                text = text.replace(value, MASK)
        return text


def _parts(value: str) -> set[str]:
    """What is hidden of a value: all of it, and its lines if it has several."""
    lines = {line.strip() for line in value.splitlines()}
    parts = {line for line in lines if len(line) >= LEAST_LINE} if len(lines) > 1 else set()
    whole = value.strip()
    return parts | {whole} if len(whole) >= LEAST else parts
