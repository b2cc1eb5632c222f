"""What the children print: all of it into rotated files, what matters also onto the screen."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import Final

_NOTABLE: Final = re.compile(
    r'\b(WARN|WARNING|ERROR|CRITICAL|FATAL|PANIC)\b|"level":"(warn|error|fatal|panic)"'
)
_TRACEBACK: Final = re.compile(r"Traceback \(most recent call last\)")
_KEPT_FILES: Final = 3
_FILE_BYTES: Final = 5 * 1024 * 1024
_SHOWN_TAIL: Final = 15


def say(line: str) -> None:
    """A line of the supervisor itself. A closed terminal stops nothing."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class RotatedFile:
    """`name.log`, then `name.log.1` … when it grows over 5 MiB."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = file.open("ab")
        self._size = self._file.tell()

    def write(self, line: bytes) -> None:
        """Append; a full disk loses the line, not the platform."""
        with contextlib.suppress(OSError):
            if self._size + len(line) > _FILE_BYTES:
                self._rotate()
            self._file.write(line)
            self._file.flush()
            self._size += len(line)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(_KEPT_FILES - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._path.open("ab")
        self._size = 0

    def close(self) -> None:
        self._file.close()


class Output:
    """Takes the lines of one child."""

    def __init__(self, name: str, logs: Path, *, verbose: bool) -> None:
        self._name = name
        self._file = RotatedFile(logs / f"{name}.log")
        self._verbose = verbose
        self._in_traceback = False
        self._tail: list[str] = []

    def line(self, raw: bytes, *, quiet: bool = False) -> None:
        """Keep one line; show it when it is a warning, an error, or all are wanted."""
        self._file.write(raw if raw.endswith(b"\n") else raw + b"\n")
        text = raw.decode("utf-8", "replace").rstrip()
        self._tail = [*self._tail[1 - _SHOWN_TAIL :], text]
        if self._verbose or (self._is_notable(text) and not quiet):
            say(f"{self._name:<9}| {text}")

    def tail(self) -> str:
        """The last lines, for the message of a start that failed."""
        return "\n".join(f"    {line}" for line in self._tail)

    def close(self) -> None:
        self._file.close()

    def _is_notable(self, text: str) -> bool:
        if self._in_traceback:
            self._in_traceback = text.startswith((" ", "\t")) or not text
            return True
        self._in_traceback = _TRACEBACK.search(text) is not None
        return self._in_traceback or _NOTABLE.search(text) is not None
