"""The root of a sandbox: an empty read-only file system holding just the files it needs.

The spawner lays it out once, where only its own mount namespace shows it; each sandbox moves in.
Paths are the same inside and outside.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from picloud.executor.jail import kernel

PLACE: Final = "/proc/driver"  # a directory every Linux has and no spawner needs

_ANY: Final = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID
_EMPTY: Final = _ANY | kernel.MOUNT_ATTR_NODEV | kernel.MOUNT_ATTR_NOEXEC


def lay_out(paths: Iterable[str]) -> None:
    """Mount a root with these files and directories. Raises OSError, and then none is mounted."""
    kernel.mount("sandbox", PLACE, "tmpfs", 0, "mode=755,size=1m")
    try:
        for path in sorted(paths):
            _bind(path)
        kernel.restrict_mount(PLACE, _EMPTY, recursive=False)
    except OSError:
        clear()
        raise


def clear() -> None:
    """Unmount it; sandboxes keep theirs."""
    kernel.umount(PLACE)


def move_in() -> None:
    """Leave all other files behind. For a child in a mount namespace of its own."""
    os.chdir(PLACE)
    kernel.change_root_to_here()


def check_readable(paths: Iterable[str], program: str) -> None:
    """Open every file as who we are now. Raises OSError naming the first that does not open."""
    for path in paths:
        for file in _files_of(path):
            os.close(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
    if not os.access(program, os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), program)


def _bind(path: str) -> None:
    target = Path(PLACE + path)
    if target.exists():
        return  # it lies in a directory that is there already
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    kernel.mount(path, str(target), None, kernel.MS_BIND | kernel.MS_REC)
    is_device = stat.S_ISCHR(status.st_mode)
    attributes = _ANY if is_device else _ANY | kernel.MOUNT_ATTR_NODEV
    kernel.restrict_mount(str(target), attributes, recursive=True)


def _files_of(path: str) -> Iterable[str]:
    if not os.path.isdir(path):
        yield path
        return

    def fail(error: OSError) -> None:
        raise error

    for directory, _, names in os.walk(path, onerror=fail):
        for name in names:
            file = os.path.join(directory, name)
            with contextlib.suppress(FileNotFoundError):  # a link that leads nowhere
                os.stat(file)
                yield file
