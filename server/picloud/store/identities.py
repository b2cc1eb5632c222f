"""Who users are to OpenID Connect issuers, in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from picloud.store.database import Executor
from picloud.store.queries import SQL


async def find_identity(db: Executor, *, issuer: str, subject: str) -> UUID | None:
    """The id of the user whom an issuer knows by this subject."""
    user_id: UUID | None = await db.fetchval(SQL["find_identity"], issuer, subject)
    return user_id


async def add_identity(
    db: Executor, *, issuer: str, subject: str, user_id: UUID, created_at: datetime
) -> bool:
    """Link a user to a subject; False if the user or the subject has another link already."""
    return bool(await db.fetchval(SQL["add_identity"], issuer, subject, user_id, created_at))
