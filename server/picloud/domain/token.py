"""API tokens: what they look like, and what one may be minted with.

`pic_`, 30 random characters, and 6 that are the CRC32 of what precedes them: a text that was
mistyped, cut off or made up is told from a token without asking the database.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from picloud.domain.failures import FieldFault
from picloud.domain.user import Scope, TokenGrant, with_implied

TOKEN_PREFIX: Final = "pic_"  # noqa: S105 - what every token begins with
RANDOM_LENGTH: Final = 30  # characters of 62: 178 bits
CHECKSUM_LENGTH: Final = 6
MAX_TOKEN_NAME: Final = 64  # characters
MAX_TOKENS: Final = 100  # of a user, revoked ones aside
MAX_LIFETIME: Final = timedelta(days=3660)
USE_RESOLUTION: Final = timedelta(minutes=1)  # how exactly the last use is known
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_TOKEN: Final = re.compile(rf"{TOKEN_PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A machine credential of a user; the token itself is not known any more."""

    id: UUID
    user_id: UUID
    name: str
    scopes: frozenset[Scope]
    app_id: UUID | None  # None: every app
    script_id: UUID | None  # None: every script
    minted_by: UUID | None  # the token that minted it; None: a session
    created_at: datetime
    expires_at: datetime | None  # None: never
    last_used_at: datetime | None  # to the minute

    @property
    def grant(self) -> TokenGrant:
        """What an actor asks with."""
        return TokenGrant(
            id=self.id,
            scopes=self.scopes,
            app_id=self.app_id,
            script_id=self.script_id,
            expires_at=self.expires_at,
        )

    def use_is_old(self, now: datetime) -> bool:
        """Whether it is time to write down that it is used."""
        return self.last_used_at is None or now - self.last_used_at >= USE_RESOLUTION


def new_token() -> str:
    """A token nobody has."""
    body = TOKEN_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + _checksum(body)


def is_token(text: str) -> bool:
    """Whether this can be a token: its form and checksum are right."""
    if not _TOKEN.fullmatch(text):
        return False
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    return _checksum(body) == checksum


def name_faults(name: str) -> list[FieldFault]:
    """What is wrong with the name of a new token."""
    if not 1 <= len(name) <= MAX_TOKEN_NAME or not name.isprintable() or name != name.strip():
        rule = f"must have 1 to {MAX_TOKEN_NAME} printable characters, no space around them"
        return [FieldFault("name", rule)]
    return []


def scope_faults(scopes: Collection[Scope], minter: TokenGrant | None) -> list[FieldFault]:
    """What is wrong with the scopes of a new token; `minter` is the token that asks for it."""
    if not scopes:
        return [FieldFault("scopes", "must name at least one")]
    if minter and (more := frozenset(scopes) - with_implied(minter.scopes)):
        names = ", ".join(sorted(more))
        return [FieldFault("scopes", f"{names}: the token you ask with does not have it")]
    return []


def expiry_faults(
    expires_at: datetime | None, *, now: datetime, minter: TokenGrant | None
) -> list[FieldFault]:
    """What is wrong with the end of a new token."""
    if expires_at is not None and expires_at.tzinfo is None:
        return [FieldFault("expires_at", "needs a time zone")]
    limit = minter.expires_at if minter else None
    if limit and (expires_at is None or expires_at > limit):
        return [FieldFault("expires_at", f"must be at most {limit.isoformat()}, as your token's")]
    if expires_at is None:
        return []
    if expires_at <= now:
        return [FieldFault("expires_at", "must lie in the future")]
    if expires_at > now + MAX_LIFETIME:
        return [FieldFault("expires_at", f"must be within {MAX_LIFETIME.days} days")]
    return []


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
