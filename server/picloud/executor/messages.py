"""What a link carries besides bodies: its JSON messages, and the two ways it fails."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from picloud.domain.invocation import Outcome
from picloud.errors import PlatformError

_T = TypeVar("_T")
_FAILURES: Final = {
    "script_error": Outcome.SCRIPT_ERROR,
    "out_of_memory": Outcome.OUT_OF_MEMORY,
    "timeout": Outcome.TIMEOUT,
    "cancelled": Outcome.CANCELLED,
}
_MESSAGE_MOST: Final = 4096  # characters kept of what a sandbox says

Code = Annotated[str, Meta(pattern="^[a-z_]{1,64}$")]
Kind = Literal["sync", "async", "generator", "asgi", "wsgi"]
Name = Annotated[str, Meta(max_length=64)]
Names = Annotated[list[Name], Meta(max_length=16)]
Position = Annotated[int, Meta(ge=0, le=2**31 - 1)]


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
    runtime: Name
    node: Name
    boot: Name
    boot_ms: float = 0


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox has imported its version."""

    entry_points: Names
    kind: Kind
    import_ms: float = 0


class SourceFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a source was refused; line and column count from 1."""

    code: Code
    message: str
    line: Position | None = None
    column: Position | None = None
    text: str | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox found in a source without running it."""

    ok: bool
    entry_points: Names = []
    kind: Kind | Literal[""] = ""
    error: SourceFault | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What an ERROR frame tells."""

    outcome: Literal["script_error", "out_of_memory", "timeout", "cancelled"]
    code: Code
    message: str


def decode(payload: bytes, kind: type[_T]) -> _T:
    """A JSON payload as its struct. Raises LinkError."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (ValueError, RecursionError) as error:  # DecodeError is one, UnicodeDecodeError too
        raise LinkError(f"an unreadable {kind.__name__}: {error}") from None


def decode_failure(payload: bytes) -> InvocationFailed:
    """The failure an ERROR frame tells. Raises LinkError."""
    failure = decode(payload, Failure)
    return InvocationFailed(_FAILURES[failure.outcome], failure.code, said(failure.message))


def decode_checked(payload: bytes) -> Checked:
    """What a CHECKED frame tells, fit to be stored. Raises LinkError."""
    checked = decode(payload, Checked)
    fault = checked.error
    if checked.ok == (fault is not None):
        raise LinkError("a check says neither yes nor no")
    if fault is not None:
        text = None if fault.text is None else said(fault.text)
        fault = msgspec.structs.replace(fault, message=said(fault.message), text=text)
    return msgspec.structs.replace(checked, error=fault)


def said(text: str) -> str:
    """A sandbox's words as we keep them: of a bounded length, without NUL."""
    return text[:_MESSAGE_MOST].replace("\0", "\ufffd")
