"""Leaves to choose a new password, in PostgreSQL: at most one for each user."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from picloud.domain.invitation import PasswordReset
from picloud.store.database import Executor
from picloud.store.queries import SQL


async def add_reset(db: Executor, reset: PasswordReset, *, token_hash: bytes) -> None:
    """Store a leave; the user's earlier one is replaced."""
    await db.execute(
        SQL["add_password_reset"], reset.user_id, token_hash, reset.created_at, reset.expires_at
    )


async def take_reset(db: Executor, token_hash: bytes, *, now: datetime) -> UUID | None:
    """Use a leave up and say whose it was. None: none, run out, or its user is disabled."""
    user_id: UUID | None = await db.fetchval(SQL["take_password_reset"], token_hash, now)
    return user_id


async def delete_reset(db: Executor, user_id: UUID) -> None:
    """Take the leave of a user away unused."""
    await db.execute(SQL["delete_password_reset"], user_id)
