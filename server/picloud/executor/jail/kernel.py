"""The few kernel calls Python has no name for. ctypes only; failures are OSError."""

from __future__ import annotations

import ctypes
import os
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_NAME: Final = 15
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
PR_SET_VMA: Final = 0x53564D41

_libc: Final = ctypes.CDLL(None, use_errno=True)


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


class Executable:
    """A program to become, its strings laid out before the door is shut.

    The seccomp program names `address`: only an execve with exactly this pointer passes.
    """

    def __init__(self, path: str, arguments: list[str], environment: dict[str, str]) -> None:
        self._path = ctypes.create_string_buffer(os.fsencode(path))
        self._arguments = _strings([path, *arguments])
        self._environment = _strings([f"{key}={value}" for key, value in environment.items()])
        self.address = ctypes.addressof(self._path)

    def become(self) -> None:
        """Replace this process by the program. Returns only by raising OSError."""
        _libc.execve(ctypes.c_void_p(self.address), self._arguments, self._environment)
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
