"""Mappings whose names may occur more than once: query strings, forms, headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, overload
from urllib.parse import unquote_plus

V = TypeVar("V")
T = TypeVar("T")


class MultiDict(Mapping[str, V], Generic[V]):
    """Names with one or more values each; a plain look-up gives the first value."""

    __slots__ = ("_first", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        self._pairs: list[tuple[str, V]] = pairs if type(pairs) is list else list(pairs)
        self._first: dict[str, V] | None = None

    def _look_up(self) -> dict[str, V]:
        first = self._first
        if first is None:
            self._first = first = dict(reversed(self._pairs))
        return first

    def __getitem__(self, name: str) -> V:
        return self._look_up()[name]

    @overload
    def get(self, name: str, default: None = None, /) -> V | None: ...
    @overload
    def get(self, name: str, default: V | T, /) -> V | T: ...
    def get(self, name: str, default: Any = None, /) -> Any:
        """The first value of this name, or the default."""
        return self._look_up().get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len(self._look_up())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"

    def get_all(self, name: str) -> list[V]:
        """Every value of this name, in order; empty if there is none."""
        return [value for other, value in self._pairs if other == name]

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
    escaped = "%" in text or "+" in text
    if not escaped and "&" not in text:
        name, _, value = text.partition("=")
        return [(name, value)] if text else []
    pairs = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            if escaped:
                name, value = unquote_plus(name), unquote_plus(value)
            pairs.append((name, value))
    return pairs
