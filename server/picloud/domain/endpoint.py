"""What stands before a script on a route: who may call it, which pages may, and how often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from picloud.domain.environment import identifier_fault
from picloud.domain.failures import FieldFault

MAX_ORIGINS: Final = 50
MAX_CORS_HEADERS: Final = 50
MAX_CORS_AGE: Final = 86_400  # seconds a browser may remember an answer to a preflight
MAX_RATES: Final = 4  # of one route or app
MAX_RATE_REQUESTS: Final = 1_000_000
MAX_RATE_SECONDS: Final = 86_400
MAX_WINDOW: Final = 3_600  # seconds
MAX_USER: Final = 128
DEFAULT_WINDOW: Final = 300  # seconds
ANY_ORIGIN: Final = "*"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_USER: Final = re.compile(r"[^:\x00-\x1f\x7f\ud800-\udfff]+")
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class AuthKind(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"  # everybody
    TOKEN = "token"  # noqa: S105  # who has an API token with the scope `invoke`
    BASIC = "basic"  # who knows a user name and a password
    HMAC = "hmac"  # who signs with a shared secret
    SESSION = "session"  # a browser that is logged in to the platform


class HmacScheme(StrEnum):
    """Whose way of signing."""

    GITHUB = "github"
    STRIPE = "stripe"
    SLACK = "slack"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAuth:
    """Who may call a route. Secrets are those of its app, by name."""

    kind: AuthKind = AuthKind.PUBLIC
    user: str | None = None  # basic
    secret: str | None = None  # basic: the password; hmac: the key
    scheme: HmacScheme | None = None  # hmac
    window_seconds: int = DEFAULT_WINDOW  # hmac: how far a signature's time may be off
    keep_header: bool = False  # token and basic: the script is to see the Authorization header

    def to_json(self) -> dict[str, Any]:
        """What differs from the defaults, for the database."""
        return {
            name: value
            for name in self.__slots__
            if (value := getattr(self, name)) != getattr(_PUBLIC, name)
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> EndpointAuth:
        """What `to_json` made."""
        known = dict(stored)
        if "kind" in known:
            known["kind"] = AuthKind(known["kind"])
        if "scheme" in known:
            known["scheme"] = HmacScheme(known["scheme"])
        return cls(**known)

    def faults(self) -> list[FieldFault]:
        """What is wrong with it."""
        found = []
        uses_secret = self.kind in (AuthKind.BASIC, AuthKind.HMAC)
        if self.kind is AuthKind.BASIC:
            if not _USER.fullmatch(self.user or "") or len(self.user or "") > MAX_USER:
                rule = f"must have 1 to {MAX_USER} characters, none of them a colon or a control"
                found.append(FieldFault("auth.user", rule))
        elif self.user is not None:
            found.append(FieldFault("auth.user", "goes with the kind basic only"))
        if uses_secret:
            fault = identifier_fault(self.secret or "")
            if fault is not None:
                found.append(FieldFault("auth.secret", fault))
        elif self.secret is not None:
            found.append(FieldFault("auth.secret", "goes with the kinds basic and hmac only"))
        if (self.scheme is not None) != (self.kind is AuthKind.HMAC):
            found.append(FieldFault("auth.scheme", "goes with the kind hmac, and always"))
        if not 1 <= self.window_seconds <= MAX_WINDOW:
            rule = f"must be from 1 to {MAX_WINDOW} seconds"
            found.append(FieldFault("auth.window_seconds", rule))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Which pages of other origins may call a route from a browser."""

    origins: tuple[str, ...]
    credentials: bool = False  # cookies and the like; with named origins only
    allow_headers: tuple[str, ...] = ()  # none: whatever the page asks for
    expose_headers: tuple[str, ...] = ()
    max_age_seconds: int = 600

    def to_json(self) -> dict[str, Any]:
        """For the database."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Cors:
        """What `to_json` made."""
        lists = ("origins", "allow_headers", "expose_headers")
        return cls(**{**stored, **{name: tuple(stored[name]) for name in lists}})

    def faults(self) -> list[FieldFault]:
        """What is wrong with it."""
        found = []
        if not 1 <= len(self.origins) <= MAX_ORIGINS:
            found.append(FieldFault("cors.origins", f"must be 1 to {MAX_ORIGINS} origins"))
        for origin in self.origins:
            if origin != ANY_ORIGIN and not _is_origin(origin):
                rule = "must hold origins such as https://example.com:8443, or *, not"
                found.append(FieldFault("cors.origins", f"{rule} {origin!r}"))
        if ANY_ORIGIN in self.origins and (self.credentials or len(self.origins) > 1):
            rule = "may hold * only alone and without credentials"
            found.append(FieldFault("cors.origins", rule))
        for name in ("allow_headers", "expose_headers"):
            headers = getattr(self, name)
            if len(headers) > MAX_CORS_HEADERS or not all(map(_TOKEN.fullmatch, headers)):
                rule = f"must be at most {MAX_CORS_HEADERS} names of headers"
                found.append(FieldFault(f"cors.{name}", rule))
        if not 0 <= self.max_age_seconds <= MAX_CORS_AGE:
            rule = f"must be from 0 to {MAX_CORS_AGE} seconds"
            found.append(FieldFault("cors.max_age_seconds", rule))
        return found


class RatePer(StrEnum):
    """Whose requests a rate limit counts."""

    ALL = "all"  # together
    CLIENT = "client"  # of each client address by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """So many requests in so many seconds, at each node."""

    requests: int
    seconds: int = 1
    per: RatePer = RatePer.ALL

    def __str__(self) -> str:
        each = "/client" if self.per is RatePer.CLIENT else ""
        return f"{self.requests}/{self.seconds}s{each}"

    def to_json(self) -> dict[str, Any]:
        """For the database."""
        return {"requests": self.requests, "seconds": self.seconds, "per": self.per}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RateLimit:
        """What `to_json` made."""
        return cls(**{**stored, "per": RatePer(stored["per"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """All of it for one route."""

    auth: EndpointAuth = field(default_factory=EndpointAuth)
    cors: Cors | None = None
    rate_limits: tuple[RateLimit, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether everybody may call, from everywhere and at any rate."""
        return self == OPEN

    def faults(self) -> list[FieldFault]:
        """What is wrong with it."""
        found = [*self.auth.faults(), *rate_faults(self.rate_limits)]
        if self.cors is not None:
            found += self.cors.faults()
            if self.auth.kind is AuthKind.SESSION:
                rule = "can't go with the kind session: it answers the platform's own pages only"
                found.append(FieldFault("cors", rule))
        return found


def rate_faults(limits: Iterable[RateLimit]) -> list[FieldFault]:
    """What is wrong with the rate limits of a route or an app."""
    limits = list(limits)
    found = []
    if len(limits) > MAX_RATES:
        found.append(FieldFault("rate_limits", f"must be at most {MAX_RATES} limits"))
    for limit in limits:
        if not 1 <= limit.requests <= MAX_RATE_REQUESTS:
            rule = f"must be from 1 to {MAX_RATE_REQUESTS}"
            found.append(FieldFault("rate_limits.requests", rule))
        if not 1 <= limit.seconds <= MAX_RATE_SECONDS:
            rule = f"must be from 1 to {MAX_RATE_SECONDS}"
            found.append(FieldFault("rate_limits.seconds", rule))
    if len({(limit.per, limit.seconds) for limit in limits}) < len(limits):
        rule = "must not hold two limits of the same kind and time"
        found.append(FieldFault("rate_limits", rule))
    return found


def _is_origin(text: str) -> bool:
    """Whether browsers spell an origin so: lower case, no default port, no path."""
    if not _ORIGIN.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.port is None or parts.port not in (0, _DEFAULT_PORTS[parts.scheme])
    except ValueError:
        return False


_PUBLIC: Final = EndpointAuth()
OPEN: Final = Guard()
