"""One request a script has made to the outside, as it is remembered with its invocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNFINISHED: Final = "unfinished"  # the error of a fetch that is under way
MAX_FETCHES: Final = 100  # remembered of one invocation; later ones leave no record


@dataclass(slots=True, kw_only=True)
class Fetch:
    """One hop: a redirect that was followed is a fetch of its own.

    `error` is the code of what went wrong; while it is under way that is `unfinished`.
    """

    method: str
    host: str
    port: int
    status: int | None = None
    error: str | None = UNFINISHED
    duration_ms: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    started: float = 0.0  # monotonic seconds of the node that makes it
