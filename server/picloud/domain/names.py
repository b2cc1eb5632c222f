"""Which names apps and scripts may have: DNS labels, because an app is a host name."""

from __future__ import annotations

import re
from typing import Final

from picloud.domain.failures import FieldFault

MAX_NAME: Final = 63
_LABEL: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
RESERVED_APP_NAMES: Final = frozenset(
    (
        "admin",
        "administrator",
        "api",
        "autodiscover",
        "console",
        "dashboard",
        "dns",
        "ftp",
        "graphql",
        "healthz",
        "imap",
        "internal",
        "local",
        "localhost",
        "mail",
        "manager",
        "metrics",
        "mx",
        "node",
        "ns",
        "ns1",
        "ns2",
        "picloud",
        "pop",
        "pop3",
        "readyz",
        "root",
        "smtp",
        "webmail",
        "wpad",
        "www",
        "x",
    )
)


def app_name_faults(name: str, *, field: str = "name") -> list[FieldFault]:
    """What is wrong with an app's name."""
    faults = script_name_faults(name, field=field)
    if not faults and name in RESERVED_APP_NAMES:
        faults.append(FieldFault(field, f"{name!r} is reserved"))
    return faults


def script_name_faults(name: str, *, field: str = "name") -> list[FieldFault]:
    """What is wrong with a script's name."""
    if len(name) > MAX_NAME:
        return [FieldFault(field, f"is longer than {MAX_NAME} characters")]
    if not _LABEL.fullmatch(name):
        rule = "must be lower-case letters, digits and dashes, starting with a letter"
        return [FieldFault(field, f"{rule} and not ending in a dash")]
    if name[2:4] == "--":
        return [FieldFault(field, "must not have two dashes as its third and fourth character")]
    return []
