"""What a link carries besides bodies: its JSON messages, and the two ways it fails."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from picloud.domain.invocation import Outcome
from picloud.errors import PlatformError

_T = TypeVar("_T")
_FAILURES: Final = {
    "script_error": Outcome.SCRIPT_ERROR,
    "out_of_memory": Outcome.OUT_OF_MEMORY,
    "cancelled": Outcome.CANCELLED,
    "platform_error": Outcome.PLATFORM_ERROR,
}


class LinkError(PlatformError):
    """The sandbox broke the link's protocol."""

    code = "link_broken"


class InvocationFailed(Exception):  # noqa: N818 - an outcome of the script, not an error of ours
    """An invocation ended without a whole answer."""

    def __init__(self, outcome: Outcome, code: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.code = code
        self.message = message


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox says first."""

    protocol: tuple[int, int]
    runtime: str
    node: str
    boot: str
    boot_ms: float = 0


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox has imported its version."""

    entry_points: list[str]
    kind: str
    import_ms: float = 0


class SourceFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a source was refused; line and column count from 1."""

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    text: str | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox found in a source without running it."""

    ok: bool
    entry_points: list[str] = []
    kind: str = ""
    error: SourceFault | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    outcome: str
    code: str
    message: str


def decode(payload: bytes, kind: type[_T]) -> _T:
    """A JSON payload as its struct. Raises LinkError."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LinkError(f"an unreadable {kind.__name__}: {error}") from None


def decode_failure(payload: bytes) -> InvocationFailed:
    """The failure an ERROR frame tells. Raises LinkError."""
    failure = decode(payload, Failure)
    if failure.outcome not in _FAILURES:
        raise LinkError(f"an unknown outcome: {failure.outcome[:40]!r}")
    return InvocationFailed(_FAILURES[failure.outcome], failure.code[:64], failure.message[:4096])
