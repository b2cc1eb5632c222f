"""Caddy in front of everything: its command, its environment and how its upstreams are named."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from picloud import assets
from picloud.config import Settings

# The node refuses a large body itself, in the platform's own words and without reading it; were
# Caddy's cap near the node's, the two answers would race.
_BODY_CAP: Final = 8


def command() -> list[str]:
    """Caddy in the foreground."""
    template = str(assets.caddyfile())
    return [str(assets.caddy_binary()), "run", "--adapter", "caddyfile", "--config", template]


def environ(settings: Settings) -> dict[str, str]:
    """What the Caddyfile reads; Caddy's own files stay in the data directory."""
    home = settings.data_dir / "caddy"
    return {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "GOMEMLIMIT": "128MiB",
        "PICLOUD_HOST": settings.host,
        "PICLOUD_PORT": str(settings.port),
        "PICLOUD_DATA_DIR": str(settings.data_dir),
        "PICLOUD_BASE_DOMAIN": settings.base_domain,
        "PICLOUD_MANAGER": upstream(settings.manager_listen),
        "PICLOUD_NODE": upstream(settings.node_listen),
        "PICLOUD_BODY_LIMIT": str(settings.max_request_bytes * _BODY_CAP),
        "PICLOUD_GRACE": f"{max(1, settings.drain_seconds)}s",
    }


def upstream(listen: str) -> str:
    """`unix:/path` in Caddy's own spelling."""
    return f"unix/{listen.removeprefix('unix:')}" if listen.startswith("unix:") else listen


def prepare(settings: Settings) -> None:
    """The directory of Caddy's own files."""
    Path(settings.data_dir / "caddy").mkdir(mode=0o700, exist_ok=True)


def own_address(settings: Settings) -> str:
    """Where this machine itself reaches Caddy."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound
    return f"{everywhere.get(settings.host, settings.host)}:{settings.port}"
