"""Users of the instance, their sessions, and the actor of a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from picloud.domain.failures import FieldFault

SESSION_LIFETIME: Final = timedelta(days=30)
SESSION_PREFIX: Final = "pcs_"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in that has not ended."""

    id: UUID
    user_id: UUID
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who is asking, resolved once per request."""

    user: User
    session_id: UUID
    expires_at: datetime


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
