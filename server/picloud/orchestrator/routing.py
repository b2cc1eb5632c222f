"""The routing table: from app, method and path to the version that answers, in memory."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlencode

from picloud.domain.route import RESERVED, Pattern, parse_pattern, split_path

if TYPE_CHECKING:
    from uuid import UUID

    from picloud.store.routing import RouteRow

_ANY: Final = None
_REMEMBERED: Final = 4096  # requests whose route is remembered


class Found(NamedTuple):
    """Where a request goes: the version, the path inside the app, parameters, mount prefix.

    `row_ids` are the ids of app, script and version as records carry them. `guarded` says that
    the gate must be asked first.
    """

    target: RouteRow
    path: str
    params: str
    mount: str
    row_ids: tuple[bytes, bytes, bytes]
    guarded: bool = False
    own_host: bool = False
    split: Split | None = None  # several versions share these requests: `target` is one of them


class Split:
    """The choice among the versions that share the requests of a route."""

    def __init__(self, shares: Sequence[Found]) -> None:
        self._shares = shares
        self._bounds = list(accumulate(found.target.weight for found in shares))

    def pick(self) -> Found:
        """One of them, by weight."""
        return random.choices(self._shares, cum_weights=self._bounds)[0]  # noqa: S311 - no secret


_Shape = dict[str | None, tuple[Pattern, "RouteRow"]]  # routes that match the same, by method


class AppRoutes:
    """The routes of one app: literal paths by look-up, patterns in order of precedence."""

    def __init__(self) -> None:
        self._literal: dict[tuple[str, ...], _Shape] = {}
        self._shapes: dict[tuple[object, ...], tuple[Pattern, _Shape]] = {}
        self._in_order: list[tuple[Pattern, _Shape]] = []
        self._versions: dict[UUID, list[RouteRow]] = {}  # by route

    def add(self, row: RouteRow) -> None:
        """Add a route, or another version that serves it; `seal` once all are there."""
        versions = self._versions.setdefault(row.route_id, [])
        versions.append(row)
        if len(versions) > 1:
            return
        pattern = parse_pattern(row.pattern)
        if pattern.is_exact:
            parts = tuple(segment.value for segment in pattern.segments)
            shape = self._literal.setdefault(parts, {})
        else:
            _, shape = self._shapes.setdefault(pattern.shape, (pattern, {}))
        shape[row.method] = (pattern, row)

    def seal(self) -> None:
        """Put the patterns in order: exact before `{param}` before `{rest...}`."""
        self._in_order = sorted(self._shapes.values(), key=lambda entry: entry[0].precedence)

    def versions(self, row: RouteRow) -> Sequence[RouteRow]:
        """The rows of a route's versions."""
        return self._versions[row.route_id]

    def find(self, method: str, raw_path: str) -> tuple[RouteRow | None, str, frozenset[str]]:
        """The route for a request.

        Args:
            method: upper case; HEAD falls back on GET.
            raw_path: percent-encoded, beginning with "/".

        Returns: the route or None, its path parameters urlencoded, and, when only the method is
        wrong, the methods that would do.
        """
        wanted = (method, "GET", _ANY) if method == "HEAD" else (method, _ANY)
        parts = [unquote(part) for part in split_path(raw_path)]
        allowed: set[str] = set()
        for shape in self._matching(parts):
            for name in wanted:
                if name in shape:
                    pattern, row = shape[name]
                    return row, urlencode(pattern.match(parts) or {}), frozenset()
            allowed.update(name for name in shape if name is not None)
        return None, "", frozenset(allowed)

    def _matching(self, parts: list[str]) -> Iterator[_Shape]:
        """The shapes that match a path, in the order in which they are asked."""
        if parts[:1] == [RESERVED]:
            return
        literal = self._literal.get(tuple(parts))
        if literal is not None:
            yield literal
        for pattern, shape in self._in_order:
            if pattern.match(parts) is not None:
                yield shape


class RoutingTable:
    """All apps' routes. Replaced whole when routing changes; never changed in place."""

    def __init__(
        self, rows: Iterable[RouteRow] = (), aliases: Mapping[str, str] | None = None
    ) -> None:
        self.aliases = aliases or {}  # what apps were called, and are called now
        self.apps: dict[str, AppRoutes] = {}
        self.versions: dict[UUID, RouteRow] = {}
        for row in rows:
            self.apps.setdefault(row.app_name, AppRoutes()).add(row)
            self.versions[row.version_id] = row
        for routes in self.apps.values():
            routes.seal()
        # Most requests repeat: the route by (method, raw path, host), until the table is replaced.
        self._found: dict[tuple[str, bytes, bytes], Found] = {}

    def remembered(self, key: tuple[str, bytes, bytes]) -> Found | None:
        """The route found earlier for the same method, raw path and host."""
        return self._found.get(key)

    def remember(self, key: tuple[str, bytes, bytes], found: Found) -> None:
        """Keep what was found."""
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[key] = found
