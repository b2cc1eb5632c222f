"""Tries each layer of the jail on a child of its own and says what held."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
from collections.abc import Callable
from typing import Final, NoReturn

from picloud.executor.jail import enter, kernel, landlock, seccomp, syscalls
from picloud.executor.jail.premises import Premises
from picloud.executor.jail.spec import JailSpec

_DATA_BYTES: Final = 1 << 40


def try_no_new_privs() -> str:
    """execve gains nothing any more."""
    enter.forgo_privileges(syscalls.this_machine())
    _must(kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) == 1, "the kernel ignores no_new_privs")
    return ""


def try_capabilities() -> str:
    """No capability is left, nor can one come back."""
    with open("/proc/self/status") as status:
        before = status.read()
        enter.forgo_privileges(syscalls.this_machine())
        status.seek(0)
        after = status.read()
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        _must(_mask(after, name) == 0, f"{name} is not empty")
    dropped = _mask(before, "CapEff") != 0
    _must(not dropped or _mask(after, "CapBnd") == 0, "CapBnd is not empty")
    return "dropped" if dropped else "had none"


def try_rlimits() -> str:
    """Limits hold: with no file left to open, none opens."""
    enter.limit(data=_DATA_BYTES, stack=64 << 20)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        _must(error.errno == errno.EMFILE, str(error))
        return ""
    raise OSError("a limit on open files was set and did not hold")


def try_landlock() -> str:
    """With no rule, a file that opened before does not open any more."""
    architecture = syscalls.this_machine()
    os.close(os.open(os.devnull, os.O_RDONLY))
    enter.forgo_privileges(architecture)
    landlock.restrict(architecture, landlock.ruleset(architecture, read=(), execute=()))
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except PermissionError:
        return f"ABI {landlock.abi(architecture)}"
    raise OSError("Landlock was put on and did not hold")


def try_seccomp() -> str:
    """Opening a socket kills the process that does it under the filter."""
    architecture = syscalls.this_machine()
    enter.forgo_privileges(architecture)
    pid = os.fork()
    if pid == 0:
        filter_ = seccomp.packed(architecture, own_pid=os.getpid(), executable=None)
        try:
            seccomp.install(architecture, filter_)
        except OSError as error:
            os._exit(error.errno or 1)
        socket.socket()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS:
        return architecture.name
    code = os.waitstatus_to_exitcode(status)
    raise OSError(os.strerror(code) if code > 0 else "a filter was put on and did not hold")


LAYERS: Final[dict[str, Callable[[], str]]] = {
    "no_new_privs": try_no_new_privs,
    "rlimits": try_rlimits,
    "capabilities": try_capabilities,
    "landlock": try_landlock,
    "seccomp": try_seccomp,
}


def layers(premises: Premises, jail: JailSpec) -> list[dict[str, object]]:
    """Every layer of this jail on this machine: its name, whether it is active, and a detail."""
    found = {name: _in_child(layer) for name, layer in LAYERS.items()}
    found |= premises.layers(jail)
    return [
        {"name": name, "active": active, "detail": detail}
        for name, (active, detail) in found.items()
    ]


def _in_child(layer: Callable[[], str]) -> tuple[bool, str]:
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        _report(layer, writable)
    os.close(writable)
    with open(readable, "rb") as stream:
        answer = stream.read().decode()
    status = os.waitpid(pid, 0)[1]
    state, _, detail = answer.partition(" ")
    return state == "active", detail if answer else f"the attempt ended with status {status}"


def _report(layer: Callable[[], str], writable: int) -> NoReturn:
    try:
        os.write(writable, f"active {layer()}".encode())
    except OSError as error:
        os.write(writable, f"absent {error}".encode())
    finally:
        os._exit(0)


def _mask(status: str, name: str) -> int:
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1], 16)


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise OSError(otherwise)
