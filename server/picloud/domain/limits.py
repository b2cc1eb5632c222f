"""What one script may use: resolved when a version is made, and pinned by it.

A limit has a default, a least value and the instance's ceiling. `sandboxes` and `rate_per_second`
may be zero: as much as the instance allows, whatever that is by the time of the request.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from picloud.domain.failures import FieldFault, require_valid

KIB: Final = 1024
MIB: Final = 1024 * KIB
MOST_MEMORY_MB: Final = 2048  # beyond it Pyodide's addresses turn negative
FIELD: Final = "limits"


class Isolation(StrEnum):
    """How long an interpreter lives."""

    SANDBOX = "sandbox"  # for many invocations of its version
    INVOCATION = "invocation"  # reset to its state before the first one after each


def _limit(default: int, least: int, most: int, about: str) -> Any:
    return field(default=default, metadata={"least": least, "most": most, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a version. `most` in the metadata is the ceiling unless a setting says less."""

    timeout_ms: int = _limit(
        10_000, 1, 86_400_000, "Wall time until the answer begins, in milliseconds."
    )
    cpu_ms: int = _limit(10_000, 1, 86_400_000, "Processor time of an invocation, in milliseconds.")
    memory_mb: int = _limit(128, 64, MOST_MEMORY_MB, "Memory of the interpreter, in megabytes.")
    request_bytes: int = _limit(10 * MIB, 0, 1024 * MIB, "Bytes of a request's body.")
    response_bytes: int = _limit(10 * MIB, 0, 1024 * MIB, "Bytes of an answer's body.")
    header_bytes: int = _limit(
        32 * KIB, KIB, MIB, "Bytes of the headers of a request or an answer."
    )
    log_bytes: int = _limit(256 * KIB, 0, 64 * MIB, "Bytes of log text kept of an invocation.")
    log_line_bytes: int = _limit(64 * KIB, 256, MIB, "Bytes a line of the log is cut to.")
    concurrency: int = _limit(32, 1, 1000, "Async invocations one sandbox interleaves.")
    sandboxes: int = _limit(0, 0, 1024, "Sandboxes on one node; 0: as many as the node allows.")
    rate_per_second: int = _limit(
        0, 0, 1_000_000, "Requests per second on one node; 0: as the instance allows."
    )
    open_responses: int = _limit(64, 1, 10_000, "Streamed answers open at once on one node.")
    stream_idle_ms: int = _limit(
        30_000, 1, 86_400_000, "Time between two chunks of an answer, in milliseconds."
    )

    def within(self, ceilings: Limits) -> Limits:
        """What holds on a node: an operator may have lowered a ceiling since the deploy."""
        held = {name: getattr(self, name) or getattr(ceilings, name) for name in ZERO_IS_CEILING}
        return dataclasses.replace(self, **held).cut(ceilings)

    def cut(self, ceilings: Limits) -> Limits:
        """These limits, none above its ceiling; a ceiling of zero, of the rate, is none."""
        pairs = ((each, getattr(self, each), getattr(ceilings, each)) for each in NAMES)
        return Limits(**{name: min(value, most or value) for name, value, most in pairs})

    def to_json(self) -> str:
        """As the database keeps them."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Limits:
        """From the database; a limit that is younger than the version has its default."""
        stored = json.loads(text)
        return cls(**{name: stored[name] for name in NAMES if name in stored})


NAMES: Final = tuple(each.name for each in dataclasses.fields(Limits))
_RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    each.name: each.metadata for each in dataclasses.fields(Limits)
}
ZERO_IS_CEILING: Final = ("sandboxes", "rate_per_second")
HIGHEST: Final = Limits(**{name: rule["most"] for name, rule in _RULES.items()})


def about(name: str) -> str:
    """What a limit limits, for people."""
    return str(_RULES[name]["about"])


def limit_faults(given: Mapping[str, int], *, ceilings: Limits) -> list[FieldFault]:
    """What is wrong with limits somebody asks for."""
    return [fault for name, value in given.items() for fault in _faults(name, value, ceilings)]


def resolve(given: Mapping[str, int], *, base: Limits, ceilings: Limits) -> Limits:
    """`base` with what was given; raises `InvalidInput` with every fault.

    `base` is cut to the ceilings, what was given is not. Processor time follows the wall time
    unless it is given too: a script that may take a minute may compute for a minute.
    """
    require_valid(limit_faults(given, ceilings=ceilings))
    wanted = dict(given)
    if "timeout_ms" in given and "cpu_ms" not in given:
        wanted["cpu_ms"] = min(given["timeout_ms"], ceilings.cpu_ms)
    return dataclasses.replace(base.cut(ceilings), **wanted)


def _faults(name: str, value: int, ceilings: Limits) -> list[FieldFault]:
    place = f"{FIELD}.{name}"
    if name not in _RULES:
        return [FieldFault(place, f"is not a limit; the limits are {', '.join(NAMES)}")]
    least = _RULES[name]["least"]
    ceiling = getattr(ceilings, name) or _RULES[name]["most"]
    if value < least:
        return [FieldFault(place, f"{name}={value} is less than the least, {least}")]
    if value > ceiling:
        return [FieldFault(place, f"{name}={value} exceeds this instance's ceiling of {ceiling}")]
    return []
