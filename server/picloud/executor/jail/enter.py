"""The way into the jail, in the order that makes each step possible and none reversible.

Runs in a freshly forked, single-threaded child; every function here changes the calling process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import select
import signal
import struct
from dataclasses import dataclass
from typing import Final

from picloud.executor.jail import kernel, landlock, namespaces, root, seccomp
from picloud.executor.jail.spec import CALLS_FD, MOST_THREADS, JailSpec, data_bytes
from picloud.executor.jail.syscalls import Architecture, this_machine

FAULT_FD: Final = CALLS_FD + 1  # where a child says why it could not become the program
_FIRST_FREE_FD: Final = 10
_OPEN_FILES: Final = 64
_OOM_SCORE: Final = "500"
_LAST_CAPABILITY: Final = 63
_CAPABILITY_VERSION_3: Final = 0x20080522


class JailError(OSError):
    """A layer of the jail cannot be put on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one child enters its jail; the descriptors and strings in it were made beforehand.

    `flags` are the namespaces it has been forked into, `user` is its own id where it has one.
    """

    spec: JailSpec
    flags: int
    program: kernel.Program
    ruleset: int | None
    user: int | None
    user_namespace: bool
    nice: int


def enter(plan: Plan, *, ruleset: int | None) -> None:
    """Put every layer on and become the program. Returns only by raising OSError."""
    spec, architecture = plan.spec, this_machine()
    process = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)  # the new root has none
    with contextlib.suppress(OSError):  # an extra: a machine out of memory ends sandboxes first
        kernel.write_file(process, "oom_score_adj", _OOM_SCORE)
    if plan.nice:
        os.setpriority(os.PRIO_PROCESS, 0, plan.nice)
    if plan.flags & kernel.CLONE_NEWNS:
        root.move_in()
    if plan.user is not None:
        become(plan.user)
    if plan.user_namespace:
        namespaces.enter_user_namespace(process)
    limit(data=data_bytes(spec.memory_mb), stack=spec.stack_bytes)
    if plan.user is not None:  # of a user with other processes it would count those too
        resource.setrlimit(resource.RLIMIT_NPROC, (MOST_THREADS, MOST_THREADS))
    die_with_spawner()
    forgo_privileges(architecture)
    if ruleset is not None:
        landlock.restrict(architecture, ruleset)
    lock_calls(architecture, plan.program.address, allow_weak=spec.allow_weak)
    plan.program.become(spec.arguments, spec.environment)


def take_descriptors(
    *, link: int, calls: int, diagnostics: int, fault: int, ruleset: int | None
) -> int | None:
    """Lay out 0 to 5 (nothing, diagnostics twice, link, calls, faults) and close all others.

    But for the Landlock ruleset, whose new number is returned.
    """
    nothing = os.open(os.devnull, os.O_RDONLY)
    wanted = [nothing, diagnostics, diagnostics, link, calls, fault]
    wanted += [] if ruleset is None else [ruleset]
    copies = [_duplicate(descriptor) for descriptor in wanted]
    for target, copy in enumerate(copies):
        os.dup2(copy, target, inheritable=target < FAULT_FD)
    close_from(len(wanted))
    return None if ruleset is None else len(wanted) - 1


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


def die_with_spawner() -> None:
    """The same for a child that may be in another process id namespace and sees no parent."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    poll = select.poll()
    poll.register(FAULT_FD, 0)
    if poll.poll(0):  # nobody would read our faults: the spawner has ended already
        os._exit(1)


def become(user: int) -> None:
    """Take this id for good, with a group of the same number and no other."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit(*, data: int, stack: int) -> None:
    """Resource limits, in bytes. That on file size spares pipes and sockets."""
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_STACK, stack),
        (resource.RLIMIT_DATA, data),
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


def lock_calls(architecture: Architecture, executable: int, *, allow_weak: bool) -> None:
    """seccomp; after it only what the filter allows, and the one execve."""
    filter_ = seccomp.packed(architecture, own_pid=os.getpid(), executable=executable)
    try:
        seccomp.install(architecture, filter_)
    except OSError as error:
        if not allow_weak:
            raise JailError(error.errno, "seccomp filters are missing on this kernel") from error


def _duplicate(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)
