"""Where an app's scripts may connect to: nowhere, to listed hosts, or to the internet.

This is about names and ports. Whatever an app's policy says, the broker also judges every address
it connects to (`executor/egress/addresses.py`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from picloud.domain.failures import FieldFault, require_valid

MAX_ALLOW: Final = 200  # patterns of one app
DEFAULT_PORTS: Final = (80, 443)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_HOST: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PATTERN: Final = re.compile(r"(\*\.)?(\[[0-9a-f:.]+\]|[^\s:/@\[\]*]+)(?::(\d{1,5}))?")


class EgressMode(StrEnum):
    """How far an app's scripts reach."""

    NONE = "none"
    ALLOW_LIST = "allow_list"
    INTERNET = "internet"


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`api.example.com`, `*.example.com:8443` (every name below it), `[2001:db8::1]:80`.

    Without a port it means those of http and https.
    """

    host: str
    below: bool
    port: int | None

    @classmethod
    def parse(cls, text: str) -> HostPattern:
        """Check a pattern. Raises ValueError with the end of the sentence "allow …"."""
        match = _PATTERN.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError(f"must hold hosts such as api.example.com:443, not {text!r}")
        below, host, port = match.groups()
        if port is not None and not 1 <= int(port) <= 65535:
            raise ValueError(f"has a port that is not from 1 to 65535: {text!r}")
        try:
            host = normal_host(host.strip("[]"))
        except ValueError as fault:
            raise ValueError(f"has a host that {fault}: {text!r}") from None
        if below and is_address(host):
            raise ValueError(f"has a wildcard before an address: {text!r}")
        return cls(host, below is not None, int(port) if port else None)

    def matches(self, host: str, port: int) -> bool:
        """Whether a normal host (`normal_host`) and a port are meant."""
        if self.port != port if self.port is not None else port not in DEFAULT_PORTS:
            return False
        return host.endswith(f".{self.host}") if self.below else host == self.host


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Of one app. `allow` counts in the mode `allow_list` only."""

    mode: EgressMode = EgressMode.INTERNET
    allow: tuple[str, ...] = ()

    @classmethod
    def parse(cls, mode: str, allow: Sequence[str] = (), *, field: str = "egress") -> EgressPolicy:
        """Check a policy; patterns are kept as written. Raises InvalidInput with every fault."""
        faults = []
        if mode not in set(EgressMode):
            known = ", ".join(EgressMode)
            faults.append(FieldFault(f"{field}.mode", f"must be one of {known}, not {mode!r}"))
        if len(allow) > MAX_ALLOW:
            faults.append(FieldFault(f"{field}.allow", f"has more than {MAX_ALLOW} entries"))
        for text in allow[:MAX_ALLOW]:
            try:
                HostPattern.parse(text)
            except ValueError as fault:
                faults.append(FieldFault(f"{field}.allow", str(fault)))
        require_valid(faults)
        return cls(EgressMode(mode), tuple(text.strip() for text in allow))

    def allows(self, host: str, port: int) -> bool:
        """Whether its scripts may ask for a normal host (`normal_host`) and a port."""
        if self.mode is EgressMode.ALLOW_LIST:
            return any(pattern.matches(host, port) for pattern in _patterns(self.allow))
        return self.mode is EgressMode.INTERNET


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an operator opens beyond the internet: a range of addresses, or one host with its port.

    A range opens no address of this machine and none of the platform's; a host with its port does.
    """

    network: Network | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Allowance:
        """`10.0.0.0/8` or `intranet.example:443`. Raises ValueError as `HostPattern.parse`."""
        try:
            return cls(network=ipaddress.ip_network(text.strip()))
        except ValueError:
            pattern = HostPattern.parse(text)
        if pattern.below or pattern.port is None:
            raise ValueError(f"must hold ranges and hosts with a port, not {text!r}")
        return cls(host=pattern.host, port=pattern.port)


def normal_host(host: str) -> str:
    """A host as it is compared: lower case, IDNA, no dot at its end, addresses in one spelling.

    Raises ValueError with the end of the sentence "the host …". Old spellings of IPv4 addresses
    (`127.1`, `0x7f000001`) and addresses with a zone are refused.
    """
    host = host.lower().removesuffix(".")
    if "%" in host:
        raise ValueError("is neither a name nor an address")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not host.isascii():
        import idna  # its tables are large, and few hosts need them

        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise ValueError("is not a valid international name") from None
    labels = host.split(".")
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("is neither a name nor an address")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise ValueError("is an address in an old spelling")
    return host


def is_address(host: str) -> bool:
    """Whether a normal host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _patterns(allow: tuple[str, ...]) -> tuple[HostPattern, ...]:
    return tuple(HostPattern.parse(text) for text in allow)
