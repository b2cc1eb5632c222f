"""Members of apps: a user, an app, and the role the one has in the other."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from picloud.domain.app import AppRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user's place in an app."""

    app_id: UUID
    user_id: UUID
    email: str
    role: AppRole
