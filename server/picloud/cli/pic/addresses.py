"""The addresses of apps and scripts as seen from the platform's own address."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def path_form(server: str, app: str, script: str | None = None) -> str:
    """`http://localhost:8080/x/demo/hello`"""
    return f"{server}/x/{app}" + (f"/{script}" if script else "")


def host_form(server: str, app: str, script: str | None = None) -> str | None:
    """`http://demo.localhost:8080/hello`; a platform known by a bare IP address has none."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return f"{parts.scheme}://{app}.{parts.netloc}" + (f"/{script}" if script else "")
    return None
