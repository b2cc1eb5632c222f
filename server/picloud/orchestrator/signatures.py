"""Signed requests: the ways of GitHub, Stripe and Slack, and one of our own (docs/routes.md).

All of them are HMAC-SHA-256 over the body as it came; all but GitHub's cover a time as well.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from picloud.domain.endpoint import EndpointAuth, HmacScheme

MOST_SIGNATURES: Final = 5  # that are compared: more than one while its sender changes keys
_MOST_DIGITS: Final = 12  # of a time in seconds
Headers = Mapping[bytes, bytes]


class _Signed(NamedTuple):
    """What the headers say: what was signed before the body, when, and the signatures in hex."""

    prefix: bytes
    at: int | None
    signatures: list[bytes]


def _github(headers: Headers) -> _Signed | None:
    name, _, value = headers.get(b"x-hub-signature-256", b"").partition(b"=")
    return _Signed(b"", None, [value]) if name == b"sha256" and value else None


def _slack(headers: Headers) -> _Signed | None:
    name, _, value = headers.get(b"x-slack-signature", b"").partition(b"=")
    stamp = headers.get(b"x-slack-request-timestamp", b"")
    at = _seconds(stamp)
    if name != b"v0" or not value or at is None:
        return None
    return _Signed(b"v0:%b:" % stamp, at, [value])


def _stamped(header: bytes) -> Callable[[Headers], _Signed | None]:
    """`t=1700000000,v1=…`, and the signature covers `1700000000.` and the body."""

    def read(headers: Headers) -> _Signed | None:
        parts = [part.strip().partition(b"=") for part in headers.get(header, b"").split(b",")]
        stamps = [value for name, _, value in parts if name == b"t"]
        signatures = [value for name, _, value in parts if name == b"v1"]
        at = _seconds(stamps[0]) if len(stamps) == 1 else None
        if at is None or not signatures:
            return None
        return _Signed(stamps[0] + b".", at, signatures[:MOST_SIGNATURES])

    return read


_READERS: Final[Mapping[HmacScheme, tuple[str, Callable[[Headers], _Signed | None]]]] = {
    HmacScheme.GITHUB: ("X-Hub-Signature-256", _github),
    HmacScheme.STRIPE: ("Stripe-Signature", _stamped(b"stripe-signature")),
    HmacScheme.SLACK: ("X-Slack-Signature and X-Slack-Request-Timestamp", _slack),
    HmacScheme.GENERIC: ("Picloud-Signature", _stamped(b"picloud-signature")),
}


def signature_fault(
    auth: EndpointAuth, key: str, headers: Headers, body: bytes, now: float
) -> str | None:
    """Why a request is not signed as it must be, None when it is.

    Args:
        auth: of the kind hmac.
        key: what sender and route share.
        headers: by lower-case name; of headers that come twice only the first counts.
        body: as it came, undecoded.
        now: seconds since 1970.
    """
    if auth.scheme is None:
        raise ValueError("the route has no signature scheme")
    wanted, read = _READERS[auth.scheme]
    signed = read(headers)
    if signed is None:
        return f"The request has no signature that can be read: {wanted}."
    if signed.at is not None and abs(now - signed.at) > auth.window_seconds:
        return f"The signature's time is more than window_seconds={auth.window_seconds} from now."
    expected = hmac.new(key.encode(), signed.prefix + body, hashlib.sha256).hexdigest().encode()
    matches = [hmac.compare_digest(expected, given.lower()) for given in signed.signatures]
    return None if any(matches) else "The signature is not the one of this body and the secret."


def _seconds(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else None
