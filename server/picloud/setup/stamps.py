"""Stamps: what a step of the set-up was made from, so that it is skipped while that is the same.

A stamp holds one hash over all inputs, and the size and time of every input file: while these are
unchanged no file is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Files (directories stand for all files in them) and words a result depends on."""

    files: tuple[Path, ...] = ()
    words: tuple[str, ...] = ()

    def listing(self) -> dict[str, list[int]]:
        """Every file with its time and size."""
        found = {}
        for file in _expand(self.files):
            with contextlib.suppress(OSError):
                state = file.stat()
                found[str(file)] = [state.st_mtime_ns, state.st_size]
        return found

    def digest(self, listing: Iterable[str]) -> str:
        """One hash over the words and the contents."""
        whole = hashlib.sha256("\0".join(self.words).encode())
        for name in sorted(listing):
            content = Path(name).read_bytes()
            whole.update(f"\0{Path(name).name}\0{len(content)}\0".encode())
            whole.update(content)
        return whole.hexdigest()


class Stamp:
    """The record of one step's last success, and the files it made that have no fixed name."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def made(self) -> tuple[Path, ...]:
        """The files the last success named."""
        return tuple(Path(name) for name in self._read().get("made", ()))

    def matches(self, inputs: Inputs) -> bool:
        """Whether the result was made from these very inputs."""
        old = self._read()
        if old.get("words") != list(inputs.words):
            return False
        listing, files = inputs.listing(), old.get("files", {})
        if files == listing:
            return True
        if files.keys() != listing.keys() or old.get("digest") != inputs.digest(listing):
            return False
        with contextlib.suppress(OSError):
            self.write(inputs, self.made())
        return True

    def write(self, inputs: Inputs, made: Sequence[Path]) -> None:
        """Record a success, whole or not at all."""
        listing = inputs.listing()
        body = {
            "words": list(inputs.words),
            "files": listing,
            "digest": inputs.digest(listing),
            "made": [str(file) for file in made],
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(body), "utf-8")
        fresh.replace(self._file)

    def _read(self) -> dict[str, Any]:
        try:
            body = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return body if isinstance(body, dict) else {}


def _expand(files: Sequence[Path]) -> Iterable[Path]:
    for file in files:
        if not file.is_dir():
            yield file
            continue
        for directory, names, leaves in os.walk(file):
            names[:] = sorted(n for n in names if n not in ("node_modules", "__pycache__"))
            yield from (Path(directory) / leaf for leaf in sorted(leaves))
