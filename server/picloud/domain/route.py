"""Route patterns: `/hello`, `/users/{id}`, `/files/{path...}`.

A segment is exact text, `{param}` for one segment, or `{rest...}` for all that follow (also none).
Where several patterns match a path, exact wins over param and param over rest, from the left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from picloud.domain.failures import FieldFault, InvalidInput

MAX_PATTERN: Final = 512
MAX_SEGMENTS: Final = 32
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})(\.\.\.)?\}")
_EXACT: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class SegmentKind(IntEnum):
    """What a segment matches; a smaller value takes precedence."""

    EXACT = 0
    PARAM = 1
    REST = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One part between slashes: its text, or the placeholder's name."""

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


def split_path(path: str) -> list[str]:
    """The parts of a path as patterns see them: `/` has none, `/a/` has `a` and an empty one."""
    return [] if path in ("", "/") else path.removeprefix("/").split("/")


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
    if part in (".", "..") or not _EXACT.fullmatch(part):
        raise _invalid(f"has a segment that is neither plain text nor a parameter: {part!r}")
    return Segment(SegmentKind.EXACT, part)


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(FieldFault("pattern", message))
