"""Routes and their patterns: `/hello`, `/users/{id}`, `/files/{path...}`.

A segment is exact text, `{param}` for one segment, or `{rest...}` for all that follow (also none).
Where several patterns match a path, exact wins over param and param over rest, from the left.
Patterns are compared with the percent-decoded parts of a path.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

from picloud.domain.endpoint import OPEN, Guard
from picloud.domain.failures import FieldFault, InvalidInput
from picloud.errors import Expected

MAX_PATTERN: Final = 512
MAX_SEGMENTS: Final = 32
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})(\.\.\.)?\}")
# What can't be told from a separator, a control character, or is not UTF-8.
_UNFIT: Final = re.compile("[/\\x00-\\x1f\\x7f\\ufffd]")
_EXACT: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RESERVED: Final = ".picloud"  # the first part of paths that are the platform's own in every app
_SAFE: Final = "~!$&'()*+,;=:@"  # what a path may hold as it is, besides letters, digits and -._


class RouteTaken(Expected):
    """Another route of this app has the same method and the same pattern."""

    code = "route_taken"
    status = 409

    def __init__(self, *, method: str | None, pattern: str) -> None:
        super().__init__(f"{method or 'ANY'} {pattern} is taken: another route matches the same.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Method and path pattern that lead to a script; no method: any."""

    id: UUID
    app_id: UUID
    script_id: UUID
    method: str | None
    pattern: str
    guard: Guard = OPEN
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """A route that is asked before another one, and a path that both match."""

    route: Route
    path: str


class SegmentKind(IntEnum):
    """What a segment matches; a smaller value takes precedence."""

    EXACT = 0
    PARAM = 1
    REST = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One part between slashes: its text, decoded, or the placeholder's name."""

    kind: SegmentKind
    value: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern; `/` has no segments."""

    segments: tuple[Segment, ...]

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sort patterns by this: the first that matches a path is the one that serves it."""
        return tuple(segment.kind for segment in self.segments)

    @property
    def shape(self) -> tuple[str | SegmentKind, ...]:
        """Patterns of one shape match the same paths: only the names of parameters differ."""
        return tuple(
            segment.value if segment.kind is SegmentKind.EXACT else segment.kind
            for segment in self.segments
        )

    @property
    def text(self) -> str:
        """The pattern as it is written, spelled in the one way we keep."""
        return "/" + "/".join(map(_written, self.segments))

    @property
    def is_exact(self) -> bool:
        """Whether the pattern matches one path only."""
        return all(segment.kind is SegmentKind.EXACT for segment in self.segments)

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The parameters if the parts of a path (`split_path`) match, else None."""
        params: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.kind is SegmentKind.REST:
                params[segment.value] = "/".join(parts[index:])
                return params
            if index >= len(parts):
                return None
            if segment.kind is SegmentKind.PARAM:
                if not parts[index]:
                    return None
                params[segment.value] = parts[index]
            elif parts[index] != segment.value:
                return None
        return params if len(parts) == len(self.segments) else None

    @property
    def is_reserved(self) -> bool:
        """Whether it begins with the part that is the platform's own."""
        first = self.segments[:1]
        return bool(first) and first[0] == Segment(SegmentKind.EXACT, RESERVED)

    def common_path(self, other: Pattern) -> str | None:
        """A path that both patterns match, None when there is none."""
        parts: list[str] = []
        mine, others = self.segments, other.segments
        for index in range(max(len(mine), len(others))):
            ours = _at(mine, index)
            theirs = _at(others, index)
            if ours is None or theirs is None:
                ended = theirs if ours is None else ours
                return _path(parts) if ended is not None and _is_rest(ended) else None
            part = _common_part(ours, theirs)
            if part is None:
                return None
            parts.append(part)
        return _path(parts)


def asked_before(route: Route, others: Sequence[Route]) -> list[Overlap]:
    """The routes that take some of this route's requests, in the order in which they are asked."""
    pattern = parse_pattern(route.pattern)
    found: list[tuple[tuple[int, ...], Overlap]] = []
    for other in others:
        if other.id == route.id or not _methods_meet(route.method, other.method):
            continue
        theirs = parse_pattern(other.pattern)
        if _rank(theirs, other) < _rank(pattern, route):
            path = pattern.common_path(theirs)
            if path is not None:
                found.append((theirs.precedence, Overlap(route=other, path=path)))
    return [overlap for _, overlap in sorted(found, key=lambda each: each[0])]


def split_path(path: str) -> list[str]:
    """The parts of a path as patterns see them: `/` has none, `/a/` has `a` and an empty one."""
    return [] if path in ("", "/") else path.removeprefix("/").split("/")


def parse_method(text: str) -> str | None:
    """The method a route is for, None for any; raises `InvalidInput`."""
    method = text.strip().upper()
    if method in ("", "ANY", "*"):
        return None
    if method not in METHODS:
        rule = f"must be one of {', '.join(METHODS)}, or none for any"
        raise InvalidInput(FieldFault("method", rule))
    return method


@lru_cache(maxsize=1024)  # an app's patterns are compared with each other
def parse_pattern(text: str) -> Pattern:
    """Check a pattern; raises `InvalidInput` naming the part that is wrong."""
    if not text.startswith("/"):
        raise _invalid("must start with a slash")
    if len(text) > MAX_PATTERN:
        raise _invalid(f"is longer than {MAX_PATTERN} characters")
    parts = split_path(text)
    if len(parts) > MAX_SEGMENTS:
        raise _invalid(f"has more than {MAX_SEGMENTS} segments")
    segments = tuple(_parse_segment(part) for part in parts)
    if any(segment.kind is SegmentKind.REST for segment in segments[:-1]):
        raise _invalid("may have {rest...} only at its end")
    names = [segment.value for segment in segments if segment.kind is not SegmentKind.EXACT]
    if len(names) != len(set(names)):
        raise _invalid("uses the name of a parameter twice")
    return Pattern(segments)


def _parse_segment(part: str) -> Segment:
    if placeholder := _PLACEHOLDER.fullmatch(part):
        kind = SegmentKind.REST if placeholder[2] else SegmentKind.PARAM
        return Segment(kind, placeholder[1])
    text = unquote(part, errors="replace")
    if not _EXACT.fullmatch(part) or text in (".", "..") or _UNFIT.search(text):
        raise _invalid(f"has a segment that is neither plain text nor a parameter: {part!r}")
    return Segment(SegmentKind.EXACT, text)


def _written(segment: Segment) -> str:
    if segment.kind is SegmentKind.EXACT:
        return quote(segment.value, safe=_SAFE)
    return f"{{{segment.value}{'...' if segment.kind is SegmentKind.REST else ''}}}"


def _methods_meet(one: str | None, other: str | None) -> bool:
    """Whether a request may be of both; a HEAD is served by a route for GET."""
    return one is None or other is None or one == other or {one, other} == {"GET", "HEAD"}


def _rank(pattern: Pattern, route: Route) -> tuple[tuple[int, ...], bool]:
    """Which is asked first: the precedence, then who names the method."""
    return pattern.precedence, route.method is None


def _at(segments: tuple[Segment, ...], index: int) -> Segment | None:
    """The segment that matches this part of a path: a rest goes on."""
    if index < len(segments):
        return segments[index]
    return segments[-1] if segments and _is_rest(segments[-1]) else None


def _is_rest(segment: Segment) -> bool:
    return segment.kind is SegmentKind.REST


def _common_part(one: Segment, other: Segment) -> str | None:
    exact = [each.value for each in (one, other) if each.kind is SegmentKind.EXACT]
    if not exact:
        return one.value
    return exact[0] if len(set(exact)) == 1 else None


def _path(parts: Sequence[str]) -> str:
    return "/" + "/".join(quote(part, safe=_SAFE) for part in parts)


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(FieldFault("pattern", message))
