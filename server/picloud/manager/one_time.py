"""Secrets for a link that works once: shown to who makes it, kept as a hash."""

from __future__ import annotations

import re
import secrets
from typing import Final

from picloud.manager.identity import secret_hash

_REST: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def make(prefix: str) -> str:
    """A new secret of 256 bits."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(text: str, *, prefix: str) -> bytes | None:
    """The digest of a text from outside; None for what can't be such a secret."""
    if text.startswith(prefix) and _REST.fullmatch(text, len(prefix)):
        return secret_hash(text)
    return None
