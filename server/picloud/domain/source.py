"""What a version is made of: the entry file, and the files beside it.

All of it arrives as it was uploaded and is only looked at as text here; the Python in it is
compiled in a sandbox and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from picloud.domain.failures import FieldFault

MAX_FILENAME: Final = 255  # bytes
MAX_PATH: Final = 255  # bytes of a path within a source
MAX_DEPTH: Final = 16  # parts of such a path
MAX_MESSAGE: Final = 1000  # characters
ENTRY: Final = "main.py"  # of a source with several files, unless told
_FAULTS_SHOWN: Final = 20
_FILENAME: Final = re.compile(r"[^/\\\x00-\x1f\x7f\ud800-\udfff]+")
_NOT_IN_A_PATH: Final = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLimits:
    """How large a source may be."""

    source_bytes: int  # of one Python file
    bundle_bytes: int  # of all files together
    bundle_files: int


@dataclass(frozen=True, slots=True)
class Source:
    """The entry's name and text, and the other files by their path."""

    filename: str
    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def digest(self) -> bytes:
        """What identifies it; of a single file the SHA-256 of its text."""
        if not self.files:
            return hashlib.sha256(self.text.encode()).digest()
        whole = hashlib.sha256(b"picloud files\0" + self.filename.encode() + b"\0")
        for path, content in self.all_files():
            whole.update(hashlib.sha256(path.encode()).digest())
            whole.update(hashlib.sha256(content).digest())
        return whole.digest()

    @property
    def size(self) -> int:
        """Bytes of all files; the text counts by its characters."""
        return len(self.text) + sum(map(len, self.files.values()))

    def all_files(self) -> list[tuple[str, bytes]]:
        """Every file with the entry, by path."""
        return sorted([(self.filename, self.text.encode()), *self.files.items()])

    def modules(self) -> dict[str, str]:
        """The Python files beside the entry, which must compile too."""
        return {
            path: content.decode() for path, content in self.files.items() if path.endswith(".py")
        }


def single_faults(filename: str, text: str, *, limits: SourceLimits) -> list[FieldFault]:
    """What keeps one file from being a source."""
    said = text_fault(text, limit=limits.source_bytes)
    return [*filename_faults(filename), *([FieldFault("source", said)] if said else [])]


def filename_faults(filename: str) -> list[FieldFault]:
    """What is wrong with the name tracebacks will show."""
    if not _FILENAME.fullmatch(filename) or len(filename.encode()) > MAX_FILENAME:
        rule = f"must be a plain file name of at most {MAX_FILENAME} bytes"
        return [FieldFault("filename", rule)]
    return []


def text_fault(text: str, *, limit: int) -> str | None:
    """What keeps a text from being the entry, found without looking at the Python in it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        line = text.count("\n", 0, exc.start) + 1
        return f"has half a surrogate pair in line {line}: it is not valid UTF-8"
    if size > limit:
        return f"is {size} bytes long, more than the limit of {limit} bytes"
    if not text.strip():
        return "is empty"
    return _unreadable(text)


def _unreadable(text: str) -> str | None:
    if text.startswith("\ufeff"):
        return "starts with a byte order mark: save it as UTF-8 without one"
    if (at := text.find("\0")) >= 0:
        return f"has a NUL byte in line {text.count(chr(10), 0, at) + 1}"
    return None


def bundle_faults(
    files: Sequence[tuple[str, bytes]], *, entry: str, limits: SourceLimits
) -> list[FieldFault]:
    """What keeps several files from being a source: their paths, sizes and texts."""
    if len(files) > limits.bundle_files:
        return [_files(f"are {len(files)}, more than bundle_files={limits.bundle_files}")]
    size = sum(len(content) for _, content in files)
    if size > limits.bundle_bytes:
        return [_files(f"are {size} bytes, more than bundle_bytes={limits.bundle_bytes}")]
    said = [*path_faults([path for path, _ in files]), *_bad_modules(files, entry, limits)]
    faults = [_files(each) for each in said[:_FAULTS_SHOWN]]
    if len(said) > _FAULTS_SHOWN:
        faults.append(_files(f"have {len(said) - _FAULTS_SHOWN} more faults"))
    faults += filename_faults(entry)
    if not faults and entry not in dict(files):
        rule = f"names the entry, and there is no {entry!r} at the top of the files"
        return [FieldFault("filename", rule)]
    return faults


def path_fault(path: str) -> str | None:
    """Why a path can't be one of a source: it must stay below the script's directory."""
    if _NOT_IN_A_PATH.search(path):
        return "has a backslash, a control character or is not valid UTF-8"
    if path.startswith("/") or _DRIVE.match(path):
        return "is absolute"
    parts = path.split("/")
    if ".." in parts:
        return "leads out of the script's directory"
    if "" in parts or "." in parts:
        return "has an empty part or a dot for one"
    if len(path.encode()) > MAX_PATH:
        return f"is longer than {MAX_PATH} bytes"
    if len(parts) > MAX_DEPTH:
        return f"has more than {MAX_DEPTH} parts"
    return None


def message_faults(message: str | None) -> list[FieldFault]:
    """What is wrong with what somebody says about a change."""
    if message is None:
        return []
    if not message.strip():
        return [FieldFault("message", "is empty; leave it out instead")]
    if len(message) > MAX_MESSAGE:
        return [FieldFault("message", f"is longer than {MAX_MESSAGE} characters")]
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", message):
        return [FieldFault("message", "has control characters")]
    return []


def path_faults(paths: Sequence[str]) -> list[str]:
    """Paths that can't be any, and pairs that a file system somewhere takes for one."""
    return list(_bad_paths(paths))


def _bad_paths(paths: Iterable[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for path in paths:
        if (fault := path_fault(path)) is not None:
            yield f"{path!r} {fault}"
            continue
        same = _folded(path)
        if (other := seen.get(same)) == path:
            yield f"{path!r} is there twice"
        elif other is not None:
            yield f"{path!r} and {other!r} differ only in case or in how they are composed"
        seen[same] = path
    for same, path in seen.items():
        above = same.split("/")[:-1]
        for depth in range(1, len(above) + 1):
            if (file := seen.get("/".join(above[:depth]))) is not None:
                yield f"{file!r} is a file, and {path!r} is below it"


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _bad_modules(
    files: Sequence[tuple[str, bytes]], entry: str, limits: SourceLimits
) -> Iterator[str]:
    for path, content in files:
        if path != entry and not path.endswith(".py"):
            continue
        try:
            text = content.decode()
        except UnicodeDecodeError as exc:
            yield f"{path!r} is not UTF-8 text (byte {exc.start})"
            continue
        must_say_something = path == entry or len(content) > limits.source_bytes
        said = text_fault(text, limit=limits.source_bytes) if must_say_something else None
        if fault := said or _unreadable(text):
            yield f"{path!r} {fault}"


def _files(message: str) -> FieldFault:
    return FieldFault("files", message)
