"""Requests that are not run, and why: each names the limit it met and that limit's value."""

from __future__ import annotations

import math
from typing import Final

from picloud.errors import Expected

MOST_HOPS: Final = 16  # scripts that call scripts that call scripts
MOST_HEADERS: Final = 128


class Refused(Expected, abstract=True):
    """A request that does not become a run.

    `retry_after` are seconds, 0 for "do not"; `challenge` says how to log in (WWW-Authenticate).
    """

    def __init__(self, message: str, retry_after: float = 0.0, challenge: str = "") -> None:
        super().__init__(message)
        self.retry_after = math.ceil(retry_after)
        self.challenge = challenge

    @property
    def headers(self) -> dict[str, str]:
        """What its answer says besides the code and the message."""
        found = {}
        if self.retry_after:
            found["retry_after"] = str(self.retry_after)
        if self.challenge:
            found["www_authenticate"] = self.challenge
        return found


class TooManyRequests(Refused):
    """This script has more requests waiting than its queue holds."""

    code = "too_many_requests"
    status = 429


class RateLimited(Refused):
    """More requests come than a limit of the script, the route or the app allows."""

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


class CredentialsMissing(Refused):
    """The route is not public, and the request says nothing of who sends it."""

    code = "credentials_missing"
    status = 401


class CredentialsInvalid(Refused):
    """The token, the password or the session is wrong or has ended."""

    code = "credentials_invalid"
    status = 401


class SignatureInvalid(Refused):
    """The signature is missing, is not of this body, or is too old."""

    code = "signature_invalid"
    status = 401


class CallRefused(Refused):
    """It is known who calls, and they may not."""

    code = "call_refused"
    status = 403


class OriginRefused(Refused):
    """A page of this origin may not call the route."""

    code = "origin_refused"
    status = 403


class AuthUnavailable(Refused):
    """Credentials can't be checked at the moment."""

    code = "auth_unavailable"
    status = 503
