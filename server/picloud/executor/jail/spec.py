"""What to jail and how: the value the node sends to the spawner."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

LINK_FD: Final = 3  # the sandbox's end of its link
CALLS_FD: Final = 4  # and of the socket it waits on for the results of its calls


@dataclass(frozen=True, slots=True, kw_only=True)
class JailSpec:
    """A program, the files it may open and the limits it lives in."""

    program: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    read: tuple[str, ...]
    execute: tuple[str, ...]
    data_bytes: int
    stack_bytes: int
    nice: int = 0
    allow_weak: bool = False  # run without Landlock or seccomp where the kernel lacks them


def encode(spec: JailSpec) -> str:
    """The spec as JSON."""
    return json.dumps(asdict(spec))


def decode(text: str) -> JailSpec:
    """The spec of `encode`."""
    fields = json.loads(text)
    for name in ("arguments", "read", "execute"):
        fields[name] = tuple(fields[name])
    return JailSpec(**fields)
