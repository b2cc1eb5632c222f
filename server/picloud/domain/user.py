"""Users of the instance, what they prove themselves with, and the actor of a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from picloud.domain.failures import FieldFault

MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 1024
MAX_EMAIL: Final = 254
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f\ud800-\udfff]+@[^@\s\x00-\x1f\x7f\ud800-\udfff]+")


class InstanceRole(StrEnum):
    """What a user is to the instance; an admin sees and may do everything."""

    ADMIN = "admin"
    MEMBER = "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person with a log-in."""

    id: UUID
    email: str
    role: InstanceRole
    created_at: datetime
    disabled_at: datetime | None = None  # None: may log in

    @property
    def is_active_admin(self) -> bool:
        """Whether the user is an admin who can log in."""
        return self.role is InstanceRole.ADMIN and self.disabled_at is None


class Scope(StrEnum):
    """What a token is for. `deploy`, `logs` and `admin` include `read`."""

    READ = "read"
    DEPLOY = "deploy"
    INVOKE = "invoke"
    LOGS = "logs"
    ADMIN = "admin"


_INCLUDES_READ: Final = frozenset({Scope.DEPLOY, Scope.LOGS, Scope.ADMIN})


def with_implied(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """The scopes and what they include."""
    return scopes | {Scope.READ} if scopes & _INCLUDES_READ else scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionGrant:
    """A log-in, as what an actor asks with: it allows all that its user may do."""

    id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGrant:
    """A token, as what an actor asks with: it narrows what its user may do."""

    id: UUID
    scopes: frozenset[Scope]
    app_id: UUID | None = None  # None: every app
    script_id: UUID | None = None  # None: every script, and the app's own things
    expires_at: datetime | None = None  # None: never

    def covers(self, scope: Scope, *, app_id: UUID, script_id: UUID | None) -> bool:
        """Whether it is for this kind of thing, of this app and script."""
        return (
            scope in with_implied(self.scopes)
            and self.app_id in (None, app_id)
            and self.script_id in (None, script_id)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Where a request came from: the address of the peer, and what the program calls itself."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who is asking, with what, and from where; resolved once per request."""

    user: User
    credential: SessionGrant | TokenGrant
    client: Client

    @property
    def token(self) -> TokenGrant | None:
        """The token, unless it is a session."""
        return self.credential if isinstance(self.credential, TokenGrant) else None


def normal_email(email: str) -> str:
    """How an address is stored and looked up."""
    return email.strip().lower()


def email_faults(email: str) -> list[FieldFault]:
    """What is wrong with an e-mail address."""
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
        return [FieldFault("email", "is not an e-mail address")]
    return []


def password_faults(password: str) -> list[FieldFault]:
    """What is wrong with a new password."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        rule = f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters"
        return [FieldFault("password", rule)]
    return []
