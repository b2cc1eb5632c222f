"""Namespaces: what of the machine a sandbox does not even see.

A spawner that may not make them as it is becomes the root of a user namespace of its own first.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import Final

from picloud.executor.jail import kernel

KINDS: Final = {
    "mount": kernel.CLONE_NEWNS,
    "pid": kernel.CLONE_NEWPID,
    "network": kernel.CLONE_NEWNET,
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
}
NOBODY: Final = 65534  # who a sandbox is within its user namespace
_HOST_NAME: Final = "sandbox"


@dataclass(slots=True)
class Granted:
    """The namespaces a sandbox can have here, as flags, and why not the others."""

    flags: int = 0
    faults: dict[str, str] = field(default_factory=dict)


def ask() -> Granted:
    """Try each, once and for all; the spawner itself moves out of the machine's mounts."""
    granted = Granted()
    try:
        _move_out()
    except OSError as error:
        granted.faults = dict.fromkeys(KINDS, str(error.strerror))
        return granted
    for kind, flag in KINDS.items():
        try:
            pid = kernel.clone(flag)
        except OSError as error:
            granted.faults[kind] = str(error.strerror)
        else:
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            granted.flags |= flag
    return granted


def enter_user_namespace(process: int, *, user: int = NOBODY, group: int = NOBODY) -> None:
    """Move into a user namespace in which we have these ids and nobody else exists.

    `process` is a descriptor of /proc/self. Groups cannot be changed any more.
    """
    outside_user, outside_group = os.geteuid(), os.getegid()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else the files below belong to root
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {outside_user} 1"),
        ("gid_map", f"{group} {outside_group} 1"),
    ):
        kernel.write_file(process, name, text)


def _move_out() -> None:
    try:
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        process = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
        try:
            enter_user_namespace(process, user=os.geteuid(), group=os.getegid())
        finally:
            os.close(process)
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS)
    # the machine's later mounts and unmounts reach us, ours reach nobody
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_SLAVE)
    kernel.set_host_name(_HOST_NAME)
