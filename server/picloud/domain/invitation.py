"""Invitations to the instance, and the one-time links that people are handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from picloud.domain.app import AppRole
from picloud.domain.user import InstanceRole

INVITATION_PREFIX: Final = "pci_"
RESET_PREFIX: Final = "pcr_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A place kept for one e-mail address until it is taken, revoked or has run out."""

    id: UUID
    email: str
    role: InstanceRole
    app_id: UUID | None  # the app whose member the invited becomes, with `app_role`
    app_role: AppRole | None
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset:
    """Leave for one user to choose a new password once."""

    user_id: UUID
    created_at: datetime
    expires_at: datetime
