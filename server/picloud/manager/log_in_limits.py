"""How often may be tried to log in: per account, per client address, and altogether.

Counted in this process before a password is looked at: a refused try costs no statement and no
hashing, and tries that run at once are all counted. (ADR 0016)
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from picloud.domain.attempts import WINDOW, Attempts
from picloud.domain.failures import TooManyAttempts

_IPV6_NETWORK: Final = 64  # what one subscriber usually has


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLimits:
    """Tries in ten minutes."""

    per_account: int = 10
    per_address: int = 100
    total: int = 2_000


@dataclass(frozen=True, slots=True)
class _Count:
    attempts: Attempts
    key: str
    what: str


class Try:
    """One counted try. What does not succeed stays counted."""

    def __init__(self, *, own: _Count | None, address: _Count | None) -> None:
        self._own = own
        self._address = address

    def succeeded(self) -> None:
        """It was no guess: forget the failures of this account, and this try of the address."""
        if self._own is not None:
            self._own.attempts.forget(self._own.key)
        if self._address is not None:
            self._address.attempts.give_back(self._address.key)


class LogInLimits:
    """The counters of one manager."""

    def __init__(
        self, limits: TryLimits | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        limits = limits or TryLimits()
        self._accounts = Attempts(limits.per_account)
        self._sessions = Attempts(limits.per_account)
        self._addresses = Attempts(limits.per_address)
        self._total = Attempts(limits.total)
        self._now = monotonic

    def take(self, *, account: str, address: str, known_session: UUID | None = None) -> Try:
        """Count a try at an account; raises `TooManyAttempts`.

        Who has a session of this very account is counted by it alone: strangers who try the
        account, or everybody's, can't keep its owner out.
        """
        if known_session is not None:
            own = _Count(self._sessions, str(known_session), "from this session")
            self._take([own])
            return Try(own=own, address=None)
        own = _Count(self._accounts, account, "for this account")
        place = self._place(address)
        self._take([place, own, self._everybody()])
        return Try(own=own, address=place)

    def take_anonymous(self, *, address: str) -> Try:
        """Count a try that names no account, with a one-time link or an issuer's word."""
        place = self._place(address)
        self._take([place, self._everybody()])
        return Try(own=None, address=place)

    def _take(self, counts: Sequence[_Count]) -> None:
        """All of them or none: who is refused by one limit uses up nobody's other."""
        now = self._now()
        for count in counts:
            if wait := count.attempts.wait(count.key, now):
                rule = f"{count.attempts.limit} in {WINDOW / 60:g} minutes are allowed {count.what}"
                raise TooManyAttempts(rule=rule, seconds=wait)
        for count in counts:
            count.attempts.take(count.key, now)

    def _place(self, address: str) -> _Count:
        return _Count(self._addresses, _network(address), "from this address")

    def _everybody(self) -> _Count:
        return _Count(self._total, "", "to this platform")


def _network(address: str) -> str:
    """What counts as one address: an IPv6 subscriber has a whole network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
