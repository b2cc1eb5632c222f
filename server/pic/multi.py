"""Mappings whose names may occur more than once: query strings, forms, headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar
from urllib.parse import unquote_plus

V = TypeVar("V")


class MultiDict(Mapping[str, V], Generic[V]):
    """Names with one or more values each; a plain look-up gives the first value."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        self._pairs: list[tuple[str, V]] = list(pairs)
        self._values: dict[str, list[V]] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> V:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"

    def get_all(self, name: str) -> list[V]:
        """Every value of this name, in order; empty if there is none."""
        return list(self._values.get(name, ()))

    def pairs(self) -> list[tuple[str, V]]:
        """All names and values in the order they came."""
        return list(self._pairs)


class Headers(Mapping[str, str]):
    """Headers by name, whatever its case; values of a repeated name are joined by commas."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs: list[tuple[str, str]] = [(name.lower(), value) for name, value in pairs]
        self._values: dict[str, list[str]] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"

    def get_all(self, name: str) -> list[str]:
        """Every value of this header, in order; empty if there is none."""
        return list(self._values.get(name.lower(), ()))

    def pairs(self) -> list[tuple[str, str]]:
        """All names (in lower case) and values in the order they came."""
        return list(self._pairs)


def parse_urlencoded(text: str) -> list[tuple[str, str]]:
    """The names and values of a query string or an urlencoded form; blank values stay."""
    pairs = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_decoded(name), _decoded(value)))
    return pairs


def _decoded(text: str) -> str:
    if "%" in text or "+" in text:
        return unquote_plus(text)
    return text
