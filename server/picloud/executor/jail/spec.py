"""What to jail and how: the value the node sends to the spawner."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

LINK_FD: Final = 3  # the sandbox's end of its link
CALLS_FD: Final = 4  # and of the socket it waits on for the results of its calls

MOST_THREADS: Final = 32  # Node.js has about ten

_MB: Final = 1024 * 1024
# V8 reserves about 700 MB of address space for code, which counts as data, and needs a heap.
_DATA_BASE: Final = 1100 * _MB
# What a sandbox holds beside the script's memory: Node.js, JavaScript's heap, bodies on their way.
_RESIDENT_BASE: Final = 256 * _MB


@dataclass(frozen=True, slots=True, kw_only=True)
class JailSpec:
    """A program, the files it may open, the limits it lives in, and which layers are wanted.

    `namespaces`, `private_user` and `cgroup` are put on where the machine grants them; without
    `allow_weak` a missing Landlock or seccomp fails the spawn. `memory_mb` is the script's.
    """

    program: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    read: tuple[str, ...]
    execute: tuple[str, ...]
    memory_mb: int
    stack_bytes: int
    nice: int = 0
    namespaces: bool = True
    private_user: bool = True
    cgroup: bool = True
    allow_weak: bool = False


def data_bytes(memory_mb: int) -> int:
    """RLIMIT_DATA of a sandbox whose script has this much memory."""
    return _DATA_BASE + memory_mb * _MB


def resident_bytes(memory_mb: int) -> int:
    """The most its process may keep in memory, where control groups can say so."""
    return _RESIDENT_BASE + memory_mb * _MB


def encode(spec: JailSpec) -> str:
    """The spec as JSON."""
    return json.dumps(asdict(spec))


def decode(text: str) -> JailSpec:
    """The spec of `encode`."""
    fields = json.loads(text)
    for name in ("arguments", "read", "execute"):
        fields[name] = tuple(fields[name])
    return JailSpec(**fields)
