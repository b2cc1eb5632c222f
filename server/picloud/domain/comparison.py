"""How two versions of a script differ: their files as a unified diff, and their settings."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from enum import StrEnum
from typing import Final

from picloud.domain.script import Version
from picloud.domain.source import Source

CONTEXT: Final = 3  # unchanged lines around a change
MAX_LINES: Final = 10_000  # of a file; one with more is only said to have changed
SECONDS: Final = 1.0  # for all files of a comparison: some texts take the algorithm for ever
_NO_NEWLINE: Final = "\\ No newline at end of file\n"


class FileChange(StrEnum):
    """What became of a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """A file that differs; no `unified` for bytes that are no text, and for very large files."""

    path: str
    change: FileChange
    unified: str | None


@dataclass(frozen=True, slots=True)
class SettingDiff:
    """A setting that differs, by its name in `--limit` and the values as people write them."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that differs."""

    before: Version
    after: Version
    files: tuple[FileDiff, ...]
    settings: tuple[SettingDiff, ...]


class _TooHard(Exception):  # noqa: N818 - not an error
    """There is no time left for this."""


class _Matcher(SequenceMatcher[str]):
    """Gives up at a deadline."""

    deadline = 0.0

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        if time.monotonic() > self.deadline:
            raise _TooHard
        return super().find_longest_match(alo, ahi, blo, bhi)


def compare(before: tuple[Version, Source], after: tuple[Version, Source]) -> Comparison:
    """Compare two versions; takes up to `SECONDS`, so keep it off an event loop."""
    deadline = time.monotonic() + SECONDS
    (old, was), (new, becomes) = before, after
    return Comparison(
        before=old,
        after=new,
        files=tuple(_file_diffs(_by_path(was), _by_path(becomes), deadline)),
        settings=tuple(_setting_diffs(old, new)),
    )


def unified(path: str, before: str | None, after: str | None, *, deadline: float) -> str | None:
    """One file's unified diff as `diff -u` writes it; None if it is too hard."""
    old, new = (_lines(text or "") for text in (before, after))
    if max(len(old), len(new)) > MAX_LINES:
        return None
    matcher = _Matcher(None, old, new)
    matcher.deadline = deadline
    names = ("/dev/null" if before is None else f"a/{path}", f"b/{path}")
    lines = [f"--- {names[0]}\n", f"+++ {'/dev/null' if after is None else names[1]}\n"]
    try:
        for group in matcher.get_grouped_opcodes(CONTEXT):
            lines += _hunk(group, old, new)
    except _TooHard:
        return None
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """Its lines with their ends; only a newline ends one, as for Python and `diff`."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + parts[-1:] * bool(parts[-1])


_Opcodes = Sequence[tuple[str, int, int, int, int]]


def _hunk(group: _Opcodes, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
    for kind, old_start, old_end, new_start, new_end in group:
        if kind == "equal":
            yield from _marked(" ", old[old_start:old_end])
            continue
        yield from _marked("-", old[old_start:old_end])
        yield from _marked("+", new[new_start:new_end])


def _range(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start if length == 0 else start + 1},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line
        if not line.endswith("\n"):
            yield f"\n{_NO_NEWLINE}"


def _by_path(source: Source) -> dict[str, bytes]:
    return dict(source.all_files())


def _file_diffs(
    before: dict[str, bytes], after: dict[str, bytes], deadline: float
) -> Iterator[FileDiff]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        change = FileChange.CHANGED
        if old is None or new is None:
            change = FileChange.ADDED if old is None else FileChange.REMOVED
        yield FileDiff(path=path, change=change, unified=_of_bytes(path, old, new, deadline))


def _of_bytes(path: str, old: bytes | None, new: bytes | None, deadline: float) -> str | None:
    try:
        texts = [None if each is None else each.decode() for each in (old, new)]
    except UnicodeDecodeError:
        return None
    if any(text is not None and "\0" in text for text in texts):
        return None
    return unified(path, texts[0], texts[1], deadline=deadline)


def _setting_diffs(before: Version, after: Version) -> Iterator[SettingDiff]:
    pairs = zip(_settings(before), _settings(after), strict=True)
    for (name, was), (_, becomes) in pairs:
        if was != becomes:
            yield SettingDiff(name, was, becomes)


def _settings(version: Version) -> Iterator[tuple[str, str]]:
    yield "filename", version.filename
    yield "entry_points", " ".join(version.entry_points)
    yield "kind", version.kind
    yield "runtime", version.runtime
    yield "isolation", version.isolation.value
    for name, value in dataclasses.asdict(version.limits).items():
        yield name, str(value)
