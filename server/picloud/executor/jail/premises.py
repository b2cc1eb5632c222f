"""What a spawner finds out and lays out once, for all the sandboxes it starts."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from picloud.executor.jail import enter, kernel, landlock, namespaces, root, seccomp
from picloud.executor.jail.cgroups import CONTROLLERS, Groups
from picloud.executor.jail.enter import JailError, Plan
from picloud.executor.jail.spec import JailSpec, data_bytes, resident_bytes
from picloud.executor.jail.syscalls import this_machine
from picloud.executor.jail.trial import Findings, attempt
from picloud.executor.jail.uids import UserIds

_UNASKED: Final = "not wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What holds for all sandboxes with the same files and the same layers wanted."""

    key: tuple[object, ...]
    flags: int
    ruleset: int | None
    findings: Findings


class Premises:
    """Namespaces, user ids and control groups of this machine; the current files laid out."""

    def __init__(self) -> None:
        self._ground: _Ground | None = None
        self._users: UserIds | None = None
        self._taken: dict[int, int] = {}
        self._grouped: set[int] = set()

    @functools.cached_property
    def namespaces(self) -> namespaces.Granted:
        """Asked for when the first sandbox wants them."""
        return namespaces.ask()

    @functools.cached_property
    def groups(self) -> Groups:
        """Made when the first sandbox wants one."""
        return Groups()

    def plan(self, spec: JailSpec) -> Plan:
        """How the next sandbox enters its jail. Raises OSError, also for a file that is missing."""
        ground = self._ground_of(spec)
        if ground.ruleset is None and not spec.allow_weak:
            raise JailError(errno.ENOSYS, "Landlock is missing on this kernel")
        user = None
        if spec.private_user and not ground.findings.private_user and self._users is not None:
            user = self._users.take()
        program = _program(spec.program)
        if ground.flags & kernel.CLONE_NEWPID:
            seccomp.packed(this_machine(), own_pid=1, executable=program.address)  # for the child
        return Plan(
            spec=spec,
            flags=ground.flags,
            program=program,
            ruleset=ground.ruleset,
            user=user,
            user_namespace=spec.namespaces and not ground.findings.user,
            nice=0 if ground.findings.nice else spec.nice,
        )

    def discard(self, plan: Plan) -> None:
        """No child has come of this plan."""
        if self._users is not None and plan.user is not None:
            self._users.give_back(plan.user)

    def admit(self, pid: int, plan: Plan) -> None:
        """A child has been forked by this plan. Raises OSError when it cannot be put in a group."""
        if plan.user is not None:
            self._taken[pid] = plan.user
        if plan.spec.cgroup:
            self._grouped.add(pid)
            self.groups.add(pid, resident_bytes(plan.spec.memory_mb))

    def limit(self, pid: int, memory_mb: int) -> None:
        """The script of this sandbox is known, and with it its memory; limits only shrink."""
        most = data_bytes(memory_mb)
        try:
            _limit_data(pid, most)
        except PermissionError:  # without CAP_SYS_RESOURCE a user limits only what is its own
            if pid in self._taken:
                _as_user(self._taken[pid], lambda: _limit_data(pid, most))
        if pid in self._grouped:
            with contextlib.suppress(OSError):
                self.groups.limit(pid, resident_bytes(memory_mb))

    def weigh(self, pid: int, nice: int) -> None:
        """Give a sandbox another priority among all others."""
        _set_nice(pid, nice)
        if pid in self._grouped:
            with contextlib.suppress(OSError):
                self.groups.weigh(pid, nice)

    def release(self, pid: int) -> bool:
        """A child has been reaped. Returns whether the kernel killed it for want of memory."""
        if self._users is not None and pid in self._taken:
            self._users.give_back(self._taken.pop(pid))
        if pid not in self._grouped:
            return False
        self._grouped.remove(pid)
        out_of_memory = self.groups.out_of_memory(pid)
        self.groups.remove(pid)
        return out_of_memory

    def close(self) -> None:
        """All children have been reaped."""
        if "groups" in self.__dict__:
            self.groups.close()

    def layers(self, spec: JailSpec) -> dict[str, tuple[bool, str]]:
        """The layers this machine may or may not grant: whether active, and what or why not."""
        findings = self._ground_of(spec).findings
        faults = dict.fromkeys(namespaces.KINDS, _UNASKED)
        if spec.namespaces:
            faults |= dict.fromkeys(namespaces.KINDS, "") | self.namespaces.faults
        faults["mount"] = faults["mount"] or findings.mount
        found = {"private_user": (not findings.private_user, findings.private_user or self._range)}
        found["user_namespace"] = (not findings.user, findings.user)
        for kind, fault in faults.items():
            found[f"{kind}_namespace"] = (not fault, fault)
        for controller in CONTROLLERS:
            place = self.groups.found.get(controller) if spec.cgroup else None
            fault = self.groups.faults.get(controller, "") if spec.cgroup else _UNASKED
            found[f"cgroup_{controller}"] = (place is not None, str(place or fault))
        return found

    @property
    def _range(self) -> str:
        return f"user ids {self._users}"

    def _ground_of(self, spec: JailSpec) -> _Ground:
        status = ((path, os.stat(path)) for path in _paths(spec))
        files = tuple((path, found.st_dev, found.st_ino) for path, found in status)
        key = files, spec.read, spec.execute, spec.namespaces, spec.private_user
        if self._ground is None or self._ground.key != key:
            self._clear()
            self._ground = self._lay_out(spec, key)
        return self._ground

    def _clear(self) -> None:
        ground, self._ground = self._ground, None
        if ground is None:
            return
        if ground.ruleset is not None:
            os.close(ground.ruleset)
        if ground.flags & kernel.CLONE_NEWNS:
            root.clear()

    def _lay_out(self, spec: JailSpec, key: tuple[object, ...]) -> _Ground:
        ruleset = _ruleset(spec)
        flags = self.namespaces.flags if spec.namespaces else 0
        mount_fault = ""
        if flags & kernel.CLONE_NEWNS:
            try:
                root.lay_out(_paths(spec))
            except OSError as error:
                mount_fault, flags = str(error), flags & ~kernel.CLONE_NEWNS
        findings = self._try(spec, flags)
        if flags & kernel.CLONE_NEWNS and findings.mount:
            root.clear()
            flags &= ~kernel.CLONE_NEWNS
        findings = replace(findings, mount=mount_fault or findings.mount)
        if not spec.namespaces:
            findings = replace(findings, mount=_UNASKED, user=_UNASKED)
        return _Ground(key=key, flags=flags, ruleset=ruleset, findings=findings)

    def _try(self, spec: JailSpec, flags: int) -> Findings:
        """Do once in a child what each sandbox will do, and see what works."""
        private_fault = self._claim_users(spec)
        paths = _paths(spec)
        if self._users is not None and not private_fault:
            user = self._users.take()
            findings = attempt(flags, user=user, paths=paths, program=spec.program)
            self._users.give_back(user)
            if not findings.private_user:
                return findings
            private_fault = findings.private_user
        findings = attempt(flags, user=None, paths=paths, program=spec.program)
        return replace(findings, private_user=private_fault)

    def _claim_users(self, spec: JailSpec) -> str:
        if not spec.private_user:
            return _UNASKED
        if os.geteuid() != 0:
            return "only root can give each sandbox a user id of its own"
        if self._users is None:
            try:
                self._users = UserIds()
            except OSError as error:
                return str(error)
        return ""


def _limit_data(pid: int, most: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if resource.prlimit(pid, resource.RLIMIT_DATA)[1] > most:
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


def _as_user(user: int, action: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        try:
            enter.become(user)
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _paths(spec: JailSpec) -> list[str]:
    return sorted({spec.program, *spec.read, *spec.execute})


@functools.lru_cache(maxsize=8)
def _program(path: str) -> kernel.Program:
    return kernel.Program(path)


def _ruleset(spec: JailSpec) -> int | None:
    """The Landlock rules, or None on a kernel without Landlock. Raises OSError for a lost file."""
    architecture = this_machine()
    try:
        landlock.abi(architecture)
    except OSError:
        return None
    return landlock.ruleset(architecture, read=spec.read, execute=spec.execute)


def _set_nice(pid: int, nice: int) -> None:
    """Give all threads of a sandbox, which leads a process group and a session, this priority.

    A kernel with `sched_autogroup` weighs sessions against each other, and nothing else.
    """
    with contextlib.suppress(OSError):  # not ours to raise, or it has just ended
        os.setpriority(os.PRIO_PGRP, pid, nice)
    with contextlib.suppress(OSError), open(f"/proc/{pid}/autogroup", "w") as session:
        session.write(str(nice))
