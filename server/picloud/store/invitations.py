"""Open invitations in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.app import AppRole
from picloud.domain.invitation import Invitation
from picloud.domain.page import Page, PageRequest
from picloud.domain.user import InstanceRole
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_page


async def add_invitation(db: Executor, invitation: Invitation, *, token_hash: bytes) -> None:
    """Store an invitation; an earlier one to the same address is replaced."""
    await db.execute(
        SQL["add_invitation"],
        invitation.id,
        invitation.email,
        invitation.role,
        invitation.app_id,
        invitation.app_role,
        token_hash,
        invitation.created_by,
        invitation.created_at,
        invitation.expires_at,
    )


async def take_invitation(
    db: Executor, token_hash: bytes, *, email: str, now: datetime
) -> Invitation | None:
    """Use an invitation up. None: there is none, it ran out, or is somebody else's."""
    row = await db.fetchrow(SQL["take_invitation"], token_hash, email, now)
    return None if row is None else _invitation(row)


async def take_invitation_of(db: Executor, email: str, *, now: datetime) -> Invitation | None:
    """Use the invitation of a proved address up."""
    row = await db.fetchrow(SQL["take_invitation_of_email"], email, now)
    return None if row is None else _invitation(row)


async def delete_invitation(db: Executor, invitation_id: UUID) -> Invitation | None:
    """Take an invitation away unused; None if there is none."""
    row = await db.fetchrow(SQL["delete_invitation"], invitation_id)
    return None if row is None else _invitation(row)


async def delete_expired_invitations(db: Executor, now: datetime) -> None:
    """Forget what ran out."""
    await db.execute(SQL["delete_expired_invitations"], now)


async def get_invitations(db: Executor, ids: Sequence[UUID]) -> list[Invitation | None]:
    """Invitations in the order of the ids."""
    return await get_many(db, "get_invitations", ids, _invitation)


async def list_invitations(
    db: Executor, request: PageRequest[str], *, now: datetime
) -> Page[Invitation]:
    """A page of the open ones, by address."""
    return await list_page(db, "list_invitations", request, _invitation, now)


def _invitation(row: asyncpg.Record) -> Invitation:
    return Invitation(
        id=row["id"],
        email=row["email"],
        role=InstanceRole(row["role"]),
        app_id=row["app_id"],
        app_role=None if row["app_role"] is None else AppRole(row["app_role"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
