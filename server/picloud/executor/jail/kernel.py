"""The few kernel calls Python has no name for. ctypes only; failures are OSError."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from typing import Final

from picloud.executor.jail.syscalls import this_machine

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
PR_SET_VMA: Final = 0x53564D41

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_SLAVE: Final = 0x80000
MNT_DETACH: Final = 2

MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NOSUID: Final = 0x2
MOUNT_ATTR_NODEV: Final = 0x4
MOUNT_ATTR_NOEXEC: Final = 0x8

_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc_with_gil: Final = ctypes.PyDLL(None, use_errno=True)


def syscall(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Call the kernel by number; a buffer is passed by its address."""
    ctypes.set_errno(0)
    result: int = _libc.syscall(ctypes.c_long(number), *map(_argument, arguments))
    if result < 0:
        raise _error(f"system call {number}")
    return result


def prctl(option: int, second: int = 0, third: int = 0) -> int:
    """Change or read an attribute of this process."""
    arguments = (ctypes.c_ulong(value) for value in (second, third, 0, 0))
    result: int = _libc.prctl(ctypes.c_int(option), *arguments)
    if result < 0:
        raise _error(f"prctl {option}")
    return result


def clone(namespaces: int) -> int:
    """Fork into new namespaces (CLONE_NEW*): the child's pid as seen from here, or 0 in the child.

    Only for a single-threaded process: nothing that Python does around os.fork is done.
    """
    number = this_machine().numbers["clone"]
    ctypes.set_errno(0)
    arguments = (number, namespaces | signal.SIGCHLD, 0, 0, 0, 0)
    pid: int = _libc_with_gil.syscall(*map(ctypes.c_long, arguments))
    if pid < 0:
        raise _error("clone")
    return pid


def unshare(namespaces: int) -> None:
    """Move this process into new namespaces (CLONE_NEW*)."""
    if _libc.unshare(ctypes.c_int(namespaces)) < 0:
        raise _error("unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Attach a file system, or another place of one."""
    strings = (None if text is None else os.fsencode(text) for text in (source, target, kind))
    if _libc.mount(*strings, ctypes.c_ulong(flags), data.encode()) < 0:
        raise _error(f"mount {target}")


def umount(target: str) -> None:
    """Detach a file system; what has it open keeps it."""
    if _libc.umount2(os.fsencode(target), MNT_DETACH) < 0:
        raise _error(f"umount {target}")


def set_host_name(name: str) -> None:
    """Name the machine, within this UTS namespace."""
    if _libc.sethostname(name.encode(), ctypes.c_size_t(len(name))) < 0:
        raise _error("sethostname")


def restrict_mount(target: str, attributes: int, *, recursive: bool) -> None:
    """Add attributes (MOUNT_ATTR_*) to a mount, and to all below it."""
    added = buffer(struct.pack("=QQQQ", attributes, 0, 0, 0))
    path = ctypes.create_string_buffer(os.fsencode(target))
    flags = _AT_RECURSIVE if recursive else 0
    number = this_machine().numbers["mount_setattr"]
    syscall(number, _AT_FDCWD, path, flags, added, len(added))


def change_root_to_here() -> None:
    """Make the mount we are in the root of our mount namespace; nothing of the old one stays."""
    here = ctypes.create_string_buffer(b".")
    syscall(this_machine().numbers["pivot_root"], here, here)
    umount(".")  # the old root, which now lies on top of the new one
    os.chdir("/")


def write_file(directory: int, name: str, text: str) -> None:
    """Write a file of the kernel's below an open directory, which may be gone from sight."""
    file = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


class Program:
    """A program to become, its path laid out before the door is shut.

    The seccomp filter names `address`: only an execve with exactly this pointer passes.
    """

    def __init__(self, path: str) -> None:
        self._path = ctypes.create_string_buffer(os.fsencode(path))
        self.address = ctypes.addressof(self._path)

    def become(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        """Replace this process by the program. Returns only by raising OSError."""
        argv = _strings([os.fsdecode(self._path.value), *arguments])
        envp = _strings([f"{key}={value}" for key, value in environment.items()])
        _libc.execve(ctypes.c_void_p(self.address), argv, envp)
        raise _error("execve")


def buffer(content: bytes) -> ctypes.Array[ctypes.c_char]:
    """A C buffer holding these bytes and nothing behind them."""
    return ctypes.create_string_buffer(content, len(content))


def _argument(value: int | ctypes.Array[ctypes.c_char] | None) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _strings(values: list[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(values) + 1))(*map(os.fsencode, values), None)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
