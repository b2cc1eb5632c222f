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

    def preview(self, app: str, script: str, number: int, pattern: str) -> str:
        """Where one version of a script answers, and a route of it there."""
        return f"{self.app(app)}/.picloud/preview/{script}/{number}{pattern}"

    def invitation(self, secret: str) -> str:
        """The link of an invitation. What follows `#` is not sent, so no log of ours has it."""
        return f"{self.base}/join#{secret}"

    def password_reset(self, secret: str) -> str:
        """The link of a password reset."""
        return f"{self.base}/reset-password#{secret}"

    @property
    def oidc_callback(self) -> str:
        """Where an issuer sends a browser back to, exactly."""
        return f"{self.base}/auth/oidc/callback"
