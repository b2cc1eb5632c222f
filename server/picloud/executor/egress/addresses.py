"""Which addresses may be connected to, whatever name led there.

Everything that is not plainly the public internet is refused, then what belongs to this machine or
to the platform; an operator may open ranges and single endpoints.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from picloud.domain.egress import Address, Allowance

# Beside what `is_global` knows: it changes between versions of Python, these must not. The IPv6
# prefixes hold IPv4 addresses in another dress (mapped, NAT64, Teredo, 6to4).
_CLOSED: Final = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32"),
        *("2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10"),
        *("fec0::/10", "ff00::/8"),
    )
)

Endpoint = tuple[str, int]  # a host and a port


class AddressRules:
    """Judges addresses. `platform` are the endpoints of the platform's own parts, by any name."""

    def __init__(
        self,
        allow: Iterable[Allowance] = (),
        *,
        platform: Iterable[Endpoint] = (),
    ) -> None:
        allowances = tuple(allow)
        self._networks = tuple(each.network for each in allowances if each.network is not None)
        self._endpoints = frozenset((each.host, each.port) for each in allowances)
        self._platform = frozenset(platform)

    def allows(self, host: str, address: str, port: int) -> bool:
        """Whether a connection to this address and port, found under this host, may be made."""
        if (host, port) in self._endpoints:
            return True
        try:
            number = ip_address(address)
        except ValueError:
            return False
        if (str(number), port) in self._endpoints:
            return True
        if not self._platform.isdisjoint(((host, port), (str(number), port))) or is_own(number):
            return False
        if any(number in network for network in self._networks):
            return True
        return number.is_global and not any(number in network for network in _CLOSED)


def is_own(address: Address) -> bool:
    """Whether this machine has the address: the kernel would send from it to itself.

    Asked at every dial, as addresses change; nothing is sent.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
        except OSError:  # no way leads there
            return False
        return ip_address(probe.getsockname()[0]) == address
