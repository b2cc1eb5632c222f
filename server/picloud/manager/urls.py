"""The addresses people see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Addresses under the platform's own."""

    base: str

    def app(self, name: str) -> str:
        """Where an app answers."""
        return f"{self.base}/x/{name}"

    def route(self, app: str, pattern: str) -> str:
        """Where a route of an app answers."""
        return f"{self.app(app)}{pattern}"
