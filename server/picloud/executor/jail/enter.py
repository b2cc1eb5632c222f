"""The way into the jail, in the order that makes each step possible and none reversible.

Runs in a freshly forked, single-threaded child; every function here changes the calling process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import struct
from typing import Final

from picloud.executor.jail import kernel, landlock, seccomp
from picloud.executor.jail.spec import CALLS_FD, JailSpec
from picloud.executor.jail.syscalls import Architecture, this_machine

FAULT_FD: Final = CALLS_FD + 1  # where a child says why it could not become the program
_FIRST_FREE_FD: Final = 10
_OPEN_FILES: Final = 64
_LAST_CAPABILITY: Final = 63
_CAPABILITY_VERSION_3: Final = 0x20080522


class JailError(OSError):
    """A layer of the jail cannot be put on."""


def enter(spec: JailSpec, *, parent: int) -> None:
    """Put every layer on and become the program. Returns only by raising OSError."""
    architecture = this_machine()
    executable = kernel.Executable(spec.program, list(spec.arguments), spec.environment)
    die_with(parent)
    if spec.nice:
        os.setpriority(os.PRIO_PROCESS, 0, spec.nice)
    limit(data_bytes=spec.data_bytes, stack_bytes=spec.stack_bytes)
    forgo_privileges(architecture)
    lock_files(architecture, spec)
    lock_calls(architecture, executable.address, allow_weak=spec.allow_weak)
    executable.become()


def take_descriptors(*, link: int, calls: int, diagnostics: int, fault: int) -> None:
    """Lay out 0 to 5 (nothing, diagnostics twice, link, calls, faults) and close all others."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    wanted = [nothing, diagnostics, diagnostics, link, calls, fault]
    copies = [_duplicate(descriptor) for descriptor in wanted]
    for target, copy in enumerate(copies):
        os.dup2(copy, target, inheritable=target != FAULT_FD)
    close_from(FAULT_FD + 1)


def close_from(first: int) -> None:
    """Close this descriptor and all above it."""
    try:
        kernel.syscall(this_machine().numbers["close_range"], first, 0xFFFFFFFF, 0)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def die_with(parent: int) -> None:
    """Be killed when the parent ends, also if it has ended already."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def limit(*, data_bytes: int, stack_bytes: int) -> None:
    """Resource limits. The file size limit holds for everything but pipes and sockets."""
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_STACK, stack_bytes),
        (resource.RLIMIT_DATA, data_bytes),
    ):
        hard = resource.getrlimit(which)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))


def forgo_privileges(architecture: Architecture) -> None:
    """No privilege by execve, no capability now or later."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability)
        except OSError:  # EINVAL: the kernel knows no more; EPERM: we have none to lose
            break
    head = kernel.buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    kernel.syscall(architecture.numbers["capset"], head, kernel.buffer(bytes(24)))


def lock_files(architecture: Architecture, spec: JailSpec) -> None:
    """Landlock."""
    try:
        landlock.abi(architecture)
    except OSError as error:
        if spec.allow_weak:
            return
        raise JailError(error.errno, "Landlock is missing on this kernel") from error
    landlock.restrict(architecture, read=spec.read, execute=spec.execute)


def lock_calls(architecture: Architecture, executable: int, *, allow_weak: bool) -> None:
    """seccomp; after it only what the filter allows, and the one execve."""
    filter_ = seccomp.program(architecture, own_pid=os.getpid(), executable=executable)
    try:
        seccomp.install(architecture, filter_)
    except OSError as error:
        if not allow_weak:
            raise JailError(error.errno, "seccomp filters are missing on this kernel") from error


def _duplicate(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
