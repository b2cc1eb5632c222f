"""Which platform to talk to and as whom: a file of the user's, overridden by PIC_URL and PIC_TOKEN.

The file is `picloud/credentials.json` in the user's configuration directory, mode 0600, replaced
atomically. It holds one account per server; the last log-in is the default.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import click

from picloud.cli.pic.errors import CliError


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A log-in on one server."""

    token: str
    email: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything the file holds."""

    default: str | None = None
    servers: Mapping[str, Account] = field(default_factory=dict)

    def with_account(self, url: str, account: Account) -> Credentials:
        """The same with this account, its server now the default."""
        return Credentials(default=url, servers={**self.servers, url: account})

    def without(self, url: str) -> Credentials:
        """The same without this server; another one that is left becomes the default."""
        rest = {known: account for known, account in self.servers.items() if known != url}
        default = self.default if self.default in rest else next(reversed(rest), None)
        return Credentials(default=default, servers=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server of this call, and the token if there is one."""

    url: str
    token: str | None


def credentials_path() -> Path:
    """Where the file lies; `XDG_CONFIG_HOME` is honoured."""
    return Path(click.get_app_dir("picloud")) / "credentials.json"


def load(path: Path) -> Credentials:
    """Read the file; an absent one is empty."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        servers = {url: Account(**account) for url, account in document["servers"].items()}
        return Credentials(default=document["default"], servers=servers)
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise CliError(
            "credentials_unreadable",
            f"The file of log-ins {path} can't be read: {exc}.",
            hint=f"Move it away and log in again:  mv '{path}' '{path}.old'",
        ) from exc


def save(path: Path, credentials: Credentials) -> None:
    """Write the file so that a reader sees the old one or the new one, and nobody else either."""
    document = {
        "default": credentials.default,
        "servers": {url: asdict(account) for url, account in credentials.servers.items()},
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as exc:
        raise CliError(
            "credentials_unreadable", f"The file of log-ins {path} can't be written: {exc}."
        ) from exc


def normalise_url(text: str) -> str:
    """`localhost:8080/` -> `http://localhost:8080`; anything but scheme and host is a fault."""
    scheme_known = "://" in text
    parts = urlsplit(text if scheme_known else f"//{text}")
    try:
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError as exc:
        raise click.BadParameter(f"{text!r} has no valid port.") from exc
    host = parts.hostname or ""
    scheme = parts.scheme or ("http" if is_loopback(host) else "https")
    if scheme not in {"http", "https"} or not host or parts.query or parts.username:
        raise click.BadParameter(f"{text!r} is no address like http://localhost:8080.")
    if parts.path not in {"", "/", "/graphql"}:
        raise click.BadParameter(f"{text!r} must not have a path.")
    bracketed = f"[{host}]" if ":" in host else host
    return f"{scheme}://{bracketed}{port}"


def is_loopback(host: str) -> bool:
    """Whether the name means this machine: no proxy is asked, no encryption is missed."""
    return host in {"localhost", "::1"} or host.endswith(".localhost") or host.startswith("127.")


def resolve(url: str | None, token: str | None) -> Target:
    """The server and token of this call: what the environment says, then the file."""
    credentials = load(credentials_path())
    chosen = normalise_url(url) if url else credentials.default
    if chosen is None:
        raise CliError(
            "not_logged_in",
            "You are not logged in to any platform.",
            hint="Log in:  pic login http://localhost:8080 --email you@example.org",
        )
    account = credentials.servers.get(chosen)
    return Target(url=chosen, token=token or (account.token if account else None))
