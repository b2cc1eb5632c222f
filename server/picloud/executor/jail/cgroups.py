"""Control groups: what a sandbox may use of memory, threads and processor time, as a whole.

Version 2 where it is delegated to us or we are root, else the controllers of version 1, else none.
A spawner has one group of its own, below it one for each sandbox, named by its process id.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picloud.executor.jail.spec import MOST_THREADS

CONTROLLERS: Final = ("memory", "pids", "cpu")
_PREFIX: Final = "picloud-"
_PATIENCE: Final = 1000  # milliseconds a killed process gets to end
_ROUNDS: Final = 16  # of moving processes that fork meanwhile


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted hierarchy: where it is, and our group in it."""

    version: int
    controllers: frozenset[str]
    place: Path
    own: Path


class Groups:
    """This spawner's groups, one in each hierarchy that controls something here."""

    def __init__(self, mounts: Iterable[Mount] | None = None) -> None:
        """Find and make them; what cannot be made is in `faults`, by controller."""
        self.found: dict[str, Path] = {}
        self.faults: dict[str, str] = {}
        mounts = tuple(mounted() if mounts is None else mounts)
        for mount in sorted(mounts, key=lambda mount: -mount.version):
            self._make(mount)
        for controller in CONTROLLERS:
            if controller not in self.found:
                self.faults.setdefault(controller, "no control group file system has it")

    @property
    def directories(self) -> list[Path]:
        """Our own groups; below them lie the sandboxes'."""
        return sorted(set(self.found.values()))

    def add(self, pid: int, memory: int) -> None:
        """Put a process into a group of its own. `memory` is in bytes. Raises OSError."""
        for directory in self.directories:
            (directory / str(pid)).mkdir(exist_ok=True)
        self.limit(pid, memory)
        memory_files = {"memory.swap.max": 0, "memory.oom.group": 1, "memory.swappiness": 0}
        self._set("memory", pid, memory_files)
        self._set("pids", pid, {"pids.max": MOST_THREADS})
        self.weigh(pid, 0)
        for directory in self.directories:
            (directory / str(pid) / "cgroup.procs").write_text(str(pid))

    def limit(self, pid: int, memory: int) -> None:
        """Set the memory of a group, in bytes, lower than before. Raises OSError."""
        v1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")  # in this order when lowered
        self._set("memory", pid, dict.fromkeys(("memory.max", *v1), memory))

    def weigh(self, pid: int, nice: int) -> None:
        """Share processor time between groups, however many threads they have, by this priority.

        The priorities of processes count within their group only. Raises OSError.
        """
        shares = int(1024 * 0.8**nice)  # the kernel's own weights of priorities, nearly
        self._set("cpu", pid, {"cpu.weight.nice": nice, "cpu.shares": shares})

    def out_of_memory(self, pid: int) -> bool:
        """Whether the kernel has killed in this group for want of memory."""
        if "memory" not in self.found:
            return False
        group = self.found["memory"] / str(pid)
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                counts = dict(line.split() for line in (group / name).read_text().splitlines())
                return int(counts.get("oom_kill", 0)) > 0
        return False

    def remove(self, pid: int) -> None:
        """Its process has ended."""
        for directory in self.directories:
            with contextlib.suppress(OSError):  # a leftover is removed at the next start
                (directory / str(pid)).rmdir()

    def close(self) -> None:
        """All sandboxes have ended."""
        for directory in self.directories:
            _remove_tree(directory)

    def _make(self, mount: Mount) -> None:
        wanted = [name for name in CONTROLLERS if name not in self.found]
        wanted = [name for name in wanted if name in mount.controllers]
        if not wanted:
            return
        try:
            base, wanted = _delegated(mount, wanted) if mount.version == 2 else (mount.own, wanted)
            sweep(base)
            group = base / name_of(os.getpid())
            group.mkdir(exist_ok=True)
            if mount.version == 2:
                _enable(group, wanted)
        except OSError as error:
            self.faults |= dict.fromkeys(
                wanted, f"version {mount.version}: {error.strerror or error}"
            )
            return
        self.found |= dict.fromkeys(wanted, group)
        for name in wanted:
            self.faults.pop(name, None)

    def _set(self, controller: str, pid: int, files: dict[str, int]) -> None:
        if controller not in self.found:
            return
        for name, value in files.items():
            file = self.found[controller] / str(pid) / name
            if file.exists():  # each version, and each kernel, has files of its own
                file.write_text(str(value))


def mounted() -> Iterator[Mount]:
    """The control group file systems of this machine."""
    own: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        own |= dict.fromkeys(names.split(","), path)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        root, place = fields.split()[3:5]
        kind, _, options = rest.split(maxsplit=2)
        named = frozenset(options.split(",")) & set(CONTROLLERS)
        if kind == "cgroup2" and "" in own:
            available = _words(Path(place, "cgroup.controllers"))
            yield Mount(2, frozenset(available), Path(place), below(Path(place), root, own[""]))
        elif kind == "cgroup" and named:
            group = own[min(named)]
            yield Mount(1, named, Path(place), below(Path(place), root, group))


def name_of(spawner: int) -> str:
    """The group of a spawner: a name that no other process has or will have."""
    return f"{_PREFIX}{spawner}-{_started(spawner)}"


def below(place: Path, root: str, own: str) -> Path:
    """Where our group is, as seen from a mount that may show a part of the hierarchy only."""
    return place / os.path.relpath(own, root) if Path(own).is_relative_to(root) else place


def _delegated(mount: Mount, wanted: list[str]) -> tuple[Path, list[str]]:
    """A version 2 group below which we may make others, and the controllers it can give them."""
    candidates = [mount.own.parent] if mount.own != mount.place else []
    if is_delegated(mount.own):
        vacate(mount.own)
        candidates.insert(0, mount.own)
    elif not candidates or not is_delegated(candidates[0]):
        # nothing is meant for us: root takes the top, like container engines, others have none
        candidates = [mount.place] if os.geteuid() == 0 else candidates
    fault = OSError("no group is delegated to this user")
    for base in candidates:
        names = [name for name in wanted if name in _words(base / "cgroup.controllers")]
        try:
            _enable(base, names)
        except OSError as error:
            fault = error
        else:
            if "memory" in names or "pids" in names:
                return base, names
    raise fault


def is_delegated(group: Path) -> bool:
    """Whether systemd says that what lies below this group is its service's own business."""
    try:
        return os.getxattr(group, "user.delegate") == b"1"
    except OSError:
        return False


def vacate(group: Path) -> None:
    """Move all processes of a group into one below it: only an empty group can have controllers."""
    leaf = group / "platform"
    leaf.mkdir(exist_ok=True)
    for _ in range(_ROUNDS):
        pids = (group / "cgroup.procs").read_text().split()
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)


def _enable(group: Path, names: list[str]) -> None:
    missing = set(names) - _words(group / "cgroup.subtree_control")
    if missing:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in missing))


def sweep(base: Path) -> None:
    """Remove what spawners that have died left behind."""
    for group in base.glob(f"{_PREFIX}*-*"):
        pid, _, started = group.name.removeprefix(_PREFIX).partition("-")
        if pid.isdecimal() and _started(int(pid)) != started:
            for child in group.iterdir():
                if child.is_dir():
                    _kill_all(child)
            _remove_tree(group)


def _kill_all(group: Path) -> None:
    for pid in map(int, (group / "cgroup.procs").read_text().split()):
        if pid == 0:
            continue  # of another process id namespace: not ours to judge
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                poll = select.poll()
                poll.register(process, select.POLLIN)
                poll.poll(_PATIENCE)
            finally:
                os.close(process)


def _remove_tree(group: Path) -> None:
    with contextlib.suppress(OSError):  # somebody is still in it: the next start tries again
        for child in group.iterdir():
            if child.is_dir():
                child.rmdir()
        group.rmdir()


def _started(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text().split())
    except OSError:
        return set()
