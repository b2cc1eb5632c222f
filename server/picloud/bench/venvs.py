"""The rivals' own environments, made from locked requirements and kept between runs."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

REQUIREMENTS: Final = Path(__file__).resolve().parents[3] / "requirements"
_STAMP: Final = "picloud-lock"


def digest(*parts: bytes) -> str:
    """A name for exactly these contents."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.hexdigest()


@contextmanager
def one_at_a_time(cache: Path) -> Iterator[None]:
    """Two runs must not build in one cache at the same time."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def environment(cache: Path, name: str) -> Path:
    """The virtual environment of `requirements/{name}.txt`; made anew when the lock changed."""
    lock = REQUIREMENTS / f"{name}.txt"
    home = cache / name
    wanted = digest(lock.read_bytes(), sys.version.encode())
    if _stamped(home, wanted):
        return home
    print(f"setting up {name} from {lock.name}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    _pip(home, "install", "--require-hashes", "--only-binary=:all:", "-r", str(lock))
    (home / _STAMP).write_text(wanted)
    return home


def unpacked(cache: Path, name: str) -> Path:
    """The packages of `requirements/{name}.txt` as files only: no environment sees them."""
    lock = REQUIREMENTS / f"{name}.txt"
    home = cache / name
    wanted = digest(lock.read_bytes())
    if _stamped(home, wanted):
        return home
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home / "pip")], check=True)
    options = ["--no-deps", "--no-compile", "--target", str(home), "--require-hashes"]
    _pip(home / "pip", "install", *options, "-r", str(lock))
    (home / _STAMP).write_text(wanted)
    return home


def _stamped(home: Path, wanted: str) -> bool:
    stamp = home / _STAMP
    return stamp.is_file() and stamp.read_text() == wanted


def _pip(home: Path, *arguments: str) -> None:
    python = str(home / "bin" / "python")
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([python, "-m", "pip", *arguments[:1], *options, *arguments[1:]], check=True)
