"""The seccomp filter: which system calls a sandbox may make, and the program saying so.

Node.js with Pyodide boots and runs with these and no others. Whatever is not named here kills
the process; calls newer than this list answer ENOSYS, as on the older kernel they did not exist on.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from picloud.executor.jail import kernel
from picloud.executor.jail.syscalls import Architecture

# What a filter answers.
ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
ERRNO: Final = 0x00050000

# Calls without which nothing runs, the most frequent first: the program is read from the top.
_ALLOWED: Final = """
    futex read write epoll_pwait mprotect madvise munmap mmap getpid recvmsg sendmsg readv writev
    close fstat newfstatat statx lseek pread64 brk mremap openat access faccessat readlink
    readlinkat getcwd dup dup3 pipe2 eventfd2 epoll_create1 epoll_ctl epoll_wait poll ppoll
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack sched_yield sched_getaffinity
    sched_getparam sched_getscheduler nanosleep clock_nanosleep clock_gettime clock_getres
    gettimeofday time gettid getuid geteuid getgid getegid getppid capget uname sysinfo getrandom
    getrusage times exit exit_group set_robust_list set_tid_address rseq membarrier
    restart_syscall arch_prctl recvfrom sendto shutdown getsockopt getsockname getpeername
    pkey_alloc pkey_mprotect pkey_free open stat lstat
"""

# Their callers fall back to older calls.
_UNKNOWN: Final = """
    clone3 io_uring_setup io_uring_enter io_uring_register userfaultfd faccessat2 epoll_pwait2
"""
_NEWEST: Final = 450  # above it lie calls younger than this list

_THREAD: Final = 0x00010F00  # CLONE_VM | FS | FILES | SIGHAND | THREAD
_NAMESPACES: Final = 0x7E020000  # any CLONE_NEW*


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One argument of a call must, under the mask, be one of the values; else `otherwise`.

    `wide` looks at all 64 bits, as a pointer needs; then there is one value and no mask.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    wide: bool = False
    otherwise: int = errno.EPERM


class Instruction(NamedTuple):
    """One `struct sock_filter`."""

    code: int
    jump_true: int
    jump_false: int
    operand: int


_LOAD: Final = 0x20
_AND: Final = 0x54
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_NR, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32: Final = 0x40000000


def program(
    architecture: Architecture, *, own_pid: int, executable: int | None
) -> list[Instruction]:
    """The filter of one process: `own_pid` it may signal, `executable` is execve's only pointer."""
    numbers = architecture.numbers
    lines = [
        Instruction(_LOAD, 0, 0, _ARCH),
        Instruction(_EQUAL, 1, 0, architecture.audit),
        _answer(KILL),
        Instruction(_LOAD, 0, 0, _NR),
        Instruction(_AT_LEAST, 0, 1, _X32),
        _answer(KILL),
        Instruction(_AT_LEAST, 0, 1, _NEWEST + 1),
        _answer(ERRNO | errno.ENOSYS),
    ]
    for name in _ALLOWED.split():
        if name in numbers:
            lines += [Instruction(_EQUAL, 0, 1, numbers[name]), _answer(ALLOW)]
    for name, check in checks(own_pid=own_pid, executable=executable).items():
        body = _checked(check)
        lines += [Instruction(_EQUAL, 0, len(body), numbers[name]), *body]
    for name in _UNKNOWN.split():
        lines += [Instruction(_EQUAL, 0, 1, numbers[name]), _answer(ERRNO | errno.ENOSYS)]
    return [*lines, _answer(KILL)]


def checks(*, own_pid: int, executable: int | None) -> dict[str, Check]:
    """The calls that pass with some arguments only."""
    found = {
        "clone": Check(argument=0, values=(_THREAD,), mask=_THREAD | _NAMESPACES),
        "tgkill": Check(argument=0, values=(own_pid,)),
        "prctl": Check(argument=0, values=(kernel.PR_SET_NAME, kernel.PR_SET_VMA)),
        "prlimit64": Check(argument=2, values=(0,), wide=True),  # read, never set
        # DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC; SETOWN would send signals to others
        "fcntl": Check(argument=1, values=(0, 1, 2, 3, 4, 1030)),
        # TCGETS, FIONBIO, FIOCLEX, FIONCLEX, FIONREAD
        "ioctl": Check(
            argument=1,
            values=(0x5401, 0x5421, 0x5451, 0x5450, 0x541B),
            otherwise=errno.ENOTTY,
        ),
    }
    if executable is not None:
        found["execve"] = Check(argument=0, values=(executable,), wide=True)
    return found


def pack(instructions: list[Instruction]) -> bytes:
    """The program as the kernel reads it."""
    return b"".join(struct.pack("=HBBI", *line) for line in instructions)


@functools.lru_cache(maxsize=8)
def packed(architecture: Architecture, *, own_pid: int, executable: int | None) -> bytes:
    """The packed program of one process."""
    return pack(program(architecture, own_pid=own_pid, executable=executable))


def install(architecture: Architecture, filter_: bytes) -> None:
    """Filter this thread and all it starts, for good. Needs no_new_privs. Raises OSError."""
    code = kernel.buffer(filter_)
    count = len(filter_) // struct.calcsize("=HBBI")
    head = kernel.buffer(struct.pack("@HP", count, ctypes.addressof(code)))
    set_mode_filter = 1
    kernel.syscall(architecture.numbers["seccomp"], set_mode_filter, 0, head)


def _answer(verdict: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, verdict)


def _checked(check: Check) -> list[Instruction]:
    low = _ARGUMENTS + 8 * check.argument  # both architectures are little endian
    refused, passed = _answer(ERRNO | check.otherwise), _answer(ALLOW)
    if check.wide:
        (value,) = check.values
        return [
            Instruction(_LOAD, 0, 0, low + 4),
            Instruction(_EQUAL, 0, 2, value >> 32),
            Instruction(_LOAD, 0, 0, low),
            Instruction(_EQUAL, 1, 0, value & 0xFFFFFFFF),
            refused,
            passed,
        ]
    count = len(check.values)
    return [
        Instruction(_LOAD, 0, 0, low),
        Instruction(_AND, 0, 0, check.mask),
        *(Instruction(_EQUAL, count - i, 0, value) for i, value in enumerate(check.values)),
        refused,
        passed,
    ]
