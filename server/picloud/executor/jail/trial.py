"""Do once, in a child, what a sandbox will do on its way into the jail, and see what works."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from picloud.executor.jail import enter, kernel, namespaces, root

_HELD: Final = 5.0  # seconds the child waits to be killed


@dataclass(frozen=True, slots=True)
class Findings:
    """Why steps that depend on the machine do not work, by name; empty if they do."""

    mount: str = ""
    private_user: str = ""
    user: str = ""
    nice: str = ""


def attempt(flags: int, *, user: int | None, paths: Sequence[str], program: str) -> Findings:
    """Fork into these namespaces, take the root laid out and the user id, read all files there."""
    readable, writable = os.pipe()
    pid = kernel.clone(flags)
    if pid == 0:
        _child(flags, user, paths, program, writable)
    os.close(writable)
    with open(readable, "rb") as stream:
        found = json.loads(stream.readline() or b'{"user": "the trial died"}')
    found["nice"] = _fault_of(lambda: os.setpriority(os.PRIO_PROCESS, pid, 0))
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError as error:
        found["private_user"] = f"its process cannot be ended: {error.strerror}"
    os.waitpid(pid, 0)
    return Findings(**found)


def _child(
    flags: int, user: int | None, paths: Sequence[str], program: str, writable: int
) -> NoReturn:
    def be_private(user: int) -> None:
        enter.become(user)
        root.check_readable(paths, program)

    found = {}
    try:
        process = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
        os.setpriority(os.PRIO_PROCESS, 0, 1)
        if flags & kernel.CLONE_NEWNS:
            found["mount"] = _fault_of(root.move_in)
        if user is not None:
            found["private_user"] = _fault_of(lambda: be_private(user))
        found["user"] = _fault_of(lambda: namespaces.enter_user_namespace(process))
        os.write(writable, json.dumps(found).encode() + b"\n")
        time.sleep(_HELD)
    finally:
        os._exit(0)


def _fault_of(step: Callable[[], object]) -> str:
    try:
        step()
    except OSError as error:
        return str(error)
    return ""
