"""How the text of a setting becomes a value. A parser raises `ValueError` with the end of the
sentence "PICLOUD_X …"."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from picloud.domain.egress import Allowance

Parser = Callable[[str], object]

_UNITS: Final = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


class Secret:
    """A text that no log, traceback or `repr` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value.strip()


def secret(value: str) -> Secret:
    if not value:
        raise ValueError("must not be empty")
    return Secret(value)


def email(value: str) -> str:
    name, at, host = value.strip().partition("@")
    if not (name and at and host) or any(c.isspace() for c in value.strip()):
        raise ValueError(f"must be an e-mail address, not {value!r}")
    return value.strip()


def path(value: str) -> Path:
    if not value.strip() or "\0" in value:
        raise ValueError("must be a path")
    return Path(value).expanduser()


def boolean(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered not in _TRUE | _FALSE:
        raise ValueError(f"must be true or false, not {value!r}")
    return lowered in _TRUE


def integer(low: int, high: int) -> Parser:
    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            raise ValueError(f"must be a whole number, not {value!r}") from None
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}, not {number}")
        return number

    return parse


def size(low: int, high: int) -> Parser:
    """Bytes: `262144`, `256 KiB`, `10MB`."""

    def parse(value: str) -> int:
        match = re.fullmatch(r"(\d+)\s*([a-z]*)", value.strip().lower())
        if match is None or match[2] not in _UNITS:
            raise ValueError(f"must be a size such as 262144 or 10 MiB, not {value!r}")
        number = int(match[1]) * _UNITS[match[2]]
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high} bytes, not {number}")
        return number

    return parse


def loader(value: str) -> str:
    if value.strip() not in ("own", "stock"):
        raise ValueError(f"must be own or stock, not {value!r}")
    return value.strip()


def database_url(value: str) -> Secret:
    if urlsplit(value.strip()).scheme not in ("postgresql", "postgres"):
        raise ValueError("must be an address such as postgresql://user:password@host:5432/name")
    return Secret(value.strip())


def listen(value: str) -> str:
    """`unix:/path` or `host:port`."""
    if value.startswith("unix:"):
        if not value.removeprefix("unix:").startswith("/"):
            raise ValueError("must name an absolute path after unix:")
        return value
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdigit() and 0 <= int(port) <= 65535):
        raise ValueError(f"must be unix:/path or host:port, not {value!r}")
    return value


def domain(value: str) -> str:
    lowered = value.strip().lower()
    if not all(_LABEL.fullmatch(label) for label in lowered.split(".")):
        raise ValueError(f"must be a host name such as example.org, not {value!r}")
    return lowered


def domains(value: str) -> tuple[str, ...]:
    """Host names, separated by commas."""
    return tuple(domain(entry) for entry in value.split(",") if entry.strip())


def origin(value: str) -> str:
    """`https://host` or `http://host:8080`: scheme, host and port alone."""
    found = _address(value.strip().rstrip("/"))
    if found is None or found.path or found.query or found.fragment:
        raise ValueError(f"must be an address such as https://picloud.example.org, not {value!r}")
    return found.geturl().lower()


def issuer(value: str) -> str:
    """The address of an issuer, spelled as its tokens spell it."""
    found = _address(value.strip())
    if found is None or found.query or found.fragment:
        raise ValueError(f"must be an address such as https://login.example.org, not {value!r}")
    if found.scheme == "http" and found.hostname not in _LOOPBACK:
        raise ValueError(f"must begin with https://, or name this machine, not {value!r}")
    return value.strip()


def scopes(value: str) -> str:
    """Names of scopes by blanks, `openid` among them."""
    names = value.split()
    if "openid" not in names:
        raise ValueError(f"must contain openid, not only {value!r}")
    return " ".join(names)


def _address(value: str) -> SplitResult | None:
    try:
        found = urlsplit(value)
        usable = found.scheme in ("http", "https") and found.hostname and found.port != 0
    except ValueError:
        return None
    return found if usable and found.username is None else None


def allowances(value: str) -> tuple[str, ...]:
    """Ranges and endpoints, separated by commas."""
    entries = tuple(entry.strip() for entry in value.split(",") if entry.strip())
    for entry in entries:
        Allowance.parse(entry)
    return entries
