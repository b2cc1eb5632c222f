"""The owner's first log-in: a password is made before the manager needs it, and shown once.

It lies in a private file between the two, so that a start that was killed half-way shows it at
the next one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
from pathlib import Path
from typing import Final

from picloud.config import Settings
from picloud.config_values import Secret
from picloud.up import probes

_LOG_IN: Final = """
mutation ($input: SessionCreateInput!) {
  sessionCreate(input: $input) { __typename }
}
"""


class Owner:
    """What is known of the owner's account while the platform starts."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings.owner_password
        self._file = settings.data_dir / "owner-password"
        self._known = settings.data_dir / "owner-created"
        self._email = settings.owner_email
        self._generated: Secret | None = None

    def prepare(self, settings: Settings) -> Settings:
        """The settings for the manager, with a generated password when none was given."""
        if self._given is not None or self._known.exists():
            return settings
        try:
            text = self._file.read_text("ascii").strip()
        except FileNotFoundError:
            text = secrets.token_urlsafe(15)
            _write_private(self._file, text)
        self._generated = Secret(text)
        return dataclasses.replace(settings, owner_password=self._generated)

    async def lines(self, manager_listen: str) -> list[str]:
        """What to tell the person who started the platform."""
        if self._generated is None:
            return [f"owner    {self._email}"]
        answer = await self._try_log_in(manager_listen, self._generated)
        if answer == "InvalidCredentialsError":  # there was an account before this start
            self._done()
            self._generated = None
            return [f"owner    {self._email}, with the password set when the account was made"]
        return [
            f"owner    {self._email}",
            f"password {self._generated.reveal()}   (shown only this once)",
        ]

    def shown(self) -> None:
        """The password is on the screen: forget it."""
        if self._generated is not None:
            self._done()

    def _done(self) -> None:
        self._known.touch(mode=0o600)
        with contextlib.suppress(FileNotFoundError):
            self._file.unlink()

    async def _try_log_in(self, listen: str, password: Secret) -> str:
        """The kind of the answer; empty when there was none."""
        credentials = {"email": self._email, "password": password.reveal()}
        try:
            data = await probes.graphql(listen, _LOG_IN, {"input": credentials})
        except (OSError, ValueError, TimeoutError):
            return ""
        return str((data.get("sessionCreate") or {}).get("__typename", ""))


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text + "\n")
