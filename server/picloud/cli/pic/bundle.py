"""The files of a script that has several: read from a folder or a zip, and looked through."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from picloud.cli.pic.errors import CliError
from picloud.domain.source import path_faults

# What pic reads at most; the platform's own limits are lower and told by it.
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_FILES: Final = 10_000
MAX_RATIO: Final = 100  # how many times larger than in the zip a file may be
_SMALL: Final = 64 * 1024  # bytes; a file of zeros this short is no bomb
_UTF8: Final = 0x800
_ENCRYPTED: Final = 0x1

Files = list[tuple[str, bytes]]


def is_bundle(path: Path) -> bool:
    """Whether it is a folder or a zip, not a single file."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def read_bundle(path: Path) -> Files:
    """Every file of a folder or zip that belongs to the script, by path; raises `CliError`.

    What begins with a dot, `__pycache__`, and virtual environments are left out.
    """
    try:
        files = sorted(_folder(path) if path.is_dir() else _zip(path))
    except OSError as exc:
        raise CliError("file_unreadable", f"{path} can't be read: {exc.strerror or exc}.") from exc
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as exc:
        raise _bad(path, f"it is no zip that can be read ({exc})") from exc
    if faults := path_faults([name for name, _ in files]):
        raise _bad(path, "; ".join(faults[:5]))
    if not files:
        raise _bad(path, "there is no file in it")
    return files


def _folder(root: Path) -> Iterator[tuple[str, bytes]]:
    counted = _Count(root)
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        for entry in sorted(folder.iterdir()):
            name = entry.relative_to(root).as_posix()
            if _left_out(PurePosixPath(name)):
                continue
            mode = entry.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise _bad(root, f"{name!r} is a symbolic link")
            if stat.S_ISDIR(mode):
                if not (entry / "pyvenv.cfg").exists():
                    waiting.append(entry)
                continue
            if not stat.S_ISREG(mode):
                raise _bad(root, f"{name!r} is no regular file")
            counted.add(entry.lstat().st_size)
            yield name, entry.read_bytes()


def _zip(path: Path) -> Iterator[tuple[str, bytes]]:
    counted = _Count(path)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.orig_filename
            if fault := _entry_fault(info):
                raise _bad(path, f"{name!r} {fault}")
            if info.is_dir() or _left_out(PurePosixPath(name)):
                continue
            counted.add(info.file_size)
            with archive.open(info) as file:
                content = file.read(info.file_size + 1)
            if len(content) != info.file_size:
                raise _bad(path, f"{name!r} is not as large as the zip says")
            yield name, content


def _entry_fault(info: zipfile.ZipInfo) -> str | None:
    """Why an entry of a zip is not read."""
    name = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not info.flag_bits & _UTF8 and not name.isascii():
        return "has a name that is not marked as UTF-8"
    if faults := path_faults([name.removesuffix("/") if info.is_dir() else name]):
        return faults[0].removeprefix(f"{name!r} ")
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if stat.S_ISLNK(kind):
        return "is a symbolic link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is no regular file"
    if info.file_size > _SMALL and info.file_size > MAX_RATIO * info.compress_size:
        return f"is more than {MAX_RATIO} times as large as in the zip"
    return None


class _Count:
    """How much has been read of a folder or zip."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = 0
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count a file before it is read; raises `CliError`."""
        self._files += 1
        self._bytes += size
        if self._files > MAX_FILES:
            raise _bad(self._path, f"it has more than {MAX_FILES} files")
        if self._bytes > MAX_BYTES:
            raise _bad(self._path, f"its files are larger than {MAX_BYTES} bytes together")


def _left_out(path: PurePosixPath) -> bool:
    parts = path.parts
    hidden = any(part.startswith(".") for part in parts)
    return hidden or "__pycache__" in parts or "__MACOSX" in parts or path.suffix == ".pyc"


def _bad(path: Path, why: str) -> CliError:
    return CliError("bundle_invalid", f"{path} can't be deployed: {why}.")
