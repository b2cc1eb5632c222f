"""Machines that grant less: a default container, and a kernel without Landlock."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
from typing import Final

from picloud.executor.jail import seccomp
from picloud.executor.jail.seccomp import ALLOW, ERRNO, Instruction
from picloud.executor.jail.syscalls import this_machine
from picloud.executor.sandbox_process import Spawner, start_isolated

# What container engines forbid to a process without CAP_SYS_ADMIN.
_FORBIDDEN: Final = {
    "x86_64": {"mount": 165, "umount2": 166, "unshare": 272, "setns": 308},
    "aarch64": {"umount2": 39, "mount": 40, "unshare": 97, "setns": 268},
}
_NAMESPACES: Final = 0x7E020000
_LOAD, _ANY_BIT, _EQUAL, _RETURN = 0x20, 0x45, 0x15, 0x06
_NR, _FIRST_ARGUMENT = 0, 16


def container() -> bytes:
    """EPERM for those calls and for a clone into namespaces; all else passes."""
    numbers = this_machine().numbers
    forbidden = _FORBIDDEN[platform.machine()].values()
    return seccomp.pack(
        [
            *_refusing(errno.EPERM, *forbidden, numbers["pivot_root"], numbers["mount_setattr"]),
            Instruction(_EQUAL, 0, 3, numbers["clone"]),
            Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
            Instruction(_ANY_BIT, 0, 1, _NAMESPACES),
            Instruction(_RETURN, 0, 0, ERRNO | errno.EPERM),
            Instruction(_RETURN, 0, 0, ALLOW),
        ]
    )


def old_kernel() -> bytes:
    """No Landlock, as before Linux 5.13; all else passes."""
    lines = _refusing(errno.ENOSYS, this_machine().numbers["landlock_create_ruleset"])
    return seccomp.pack([*lines, Instruction(_RETURN, 0, 0, ALLOW)])


def _refusing(number: int, *calls: int) -> list[Instruction]:
    lines = [Instruction(_LOAD, 0, 0, _NR)]
    for call in calls:
        lines += [Instruction(_EQUAL, 0, 1, call), Instruction(_RETURN, 0, 0, ERRNO | number)]
    return lines


def put_on(filter_: bytes) -> str:
    """Python code that puts a filter on the process it runs in, and on all it starts."""
    return (
        "from picloud.executor.jail import kernel, seccomp, syscalls; "
        "kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1); "
        f"seccomp.install(syscalls.this_machine(), bytes.fromhex('{filter_.hex()}')); "
    )


def spawner_under(filter_: bytes, user: int) -> Spawner:
    """A spawner that lives under this filter, as this user."""
    become = f"os.setgroups([]); os.setresgid(*[{user}] * 3); os.setresuid(*[{user}] * 3); "
    become = become if user != os.geteuid() else ""

    def start(code: str, control: int) -> subprocess.Popen[bytes]:
        return start_isolated(
            f"import os, picloud.executor.spawner; {become}{put_on(filter_)}{code}",
            control,
            stdout=subprocess.DEVNULL,
        )

    return Spawner(start)
