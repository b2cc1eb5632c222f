"""Requests that are not run, and why: each names the limit it met and that limit's value."""

from __future__ import annotations

import math
from typing import Final

from picloud.errors import Expected

MOST_HOPS: Final = 16  # scripts that call scripts that call scripts
MOST_HEADERS: Final = 128


class Refused(Expected, abstract=True):
    """A request that does not become a run. `retry_after` are seconds, 0 for "do not"."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = math.ceil(retry_after)


class TooManyRequests(Refused):
    """This script has more requests waiting than its queue holds."""

    code = "too_many_requests"
    status = 429


class RateLimited(Refused):
    """This script gets more requests per second than its limit."""

    code = "rate_limited"
    status = 429


class TooManyResponses(Refused):
    """This script has as many streamed answers open as its limit."""

    code = "too_many_open_responses"
    status = 503


class CrashLoop(Refused):
    """The script's sandboxes die one after the other; the next one is tried after a pause."""

    code = "crash_loop"
    status = 503


class BodyTooLarge(Refused):
    """The request body is larger than the script's limit."""

    code = "body_too_large"
    status = 413


class HeadersTooLarge(Refused):
    """The request has more or longer headers than allowed."""

    code = "headers_too_large"
    status = 431


class LoopDetected(Refused):
    """Scripts call each other in a circle, or through too many others."""

    code = "loop_detected"
    status = 508
