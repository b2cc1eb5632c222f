"""Log-ins that have not ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

SESSION_LIFETIME: Final = timedelta(days=30)
SESSION_PREFIX: Final = "pcs_"
USE_NOTED_EVERY: Final = timedelta(minutes=5)  # reading must not mean a write each time


class LogInMethod(StrEnum):
    """How somebody proved who they are."""

    PASSWORD = "password"  # noqa: S105 - a method
    INVITATION = "invitation"
    RESET = "reset"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in: where it was made from, and when it was last used (to `USE_NOTED_EVERY`)."""

    id: UUID
    user_id: UUID
    method: LogInMethod
    address: str
    agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime

    def use_is_old(self, now: datetime) -> bool:
        """Whether its use is worth noting again."""
        return now - self.used_at >= USE_NOTED_EVERY
