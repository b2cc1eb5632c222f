"""Users and their sessions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.user import InstanceRole, Session, SessionGrant, User
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many


async def add_user(db: Executor, user: User, *, password_hash: str) -> None:
    """Store a user."""
    await db.execute(
        SQL["add_user"], user.id, user.email, password_hash, user.role, user.created_at
    )


async def lock_users(db: Executor) -> None:
    """Keep other managers from adding users until this transaction ends."""
    await db.execute(SQL["lock_users"])


async def any_user_exists(db: Executor) -> bool:
    """Whether the instance has an owner yet."""
    return bool(await db.fetchval(SQL["any_user_exists"]))


async def find_login(db: Executor, email: str) -> tuple[User, str] | None:
    """A user and the hash of the password."""
    row = await db.fetchrow(SQL["find_login"], email)
    return None if row is None else (_user(row), row["password_hash"])


async def set_password_hash(db: Executor, user_id: UUID, password_hash: str) -> None:
    """Replace a hash by one with today's parameters."""
    await db.execute(SQL["set_password_hash"], user_id, password_hash)


async def get_users(db: Executor, ids: Sequence[UUID]) -> list[User | None]:
    """Users in the order of the ids."""
    return await get_many(db, "get_users", ids, _user)


async def colleagues(db: Executor, user_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these users share an app with this one."""
    return {row["id"] for row in await db.fetch(SQL["users_share_app"], user_id, list(ids))}


async def add_session(db: Executor, session: Session, *, token_hash: bytes) -> None:
    """Store a log-in."""
    await db.execute(
        SQL["add_session"],
        session.id,
        session.user_id,
        token_hash,
        session.created_at,
        session.expires_at,
    )


async def find_session(
    db: Executor, token_hash: bytes, now: datetime
) -> tuple[User, SessionGrant] | None:
    """Who a session's token belongs to, unless it has run out."""
    return _session(await db.fetchrow(SQL["find_session"], token_hash, now))


async def get_session(
    db: Executor, session_id: UUID, now: datetime
) -> tuple[User, SessionGrant] | None:
    """Who a session belongs to, unless it was ended or has run out."""
    return _session(await db.fetchrow(SQL["get_session"], session_id, now))


async def delete_session(db: Executor, session_id: UUID) -> None:
    """End a session, on every manager."""
    await db.execute(SQL["delete_session"], session_id)


async def delete_expired_sessions(db: Executor, now: datetime) -> None:
    """Forget what ran out."""
    await db.execute(SQL["delete_expired_sessions"], now)


def _session(row: asyncpg.Record | None) -> tuple[User, SessionGrant] | None:
    if row is None:
        return None
    return _user(row), SessionGrant(id=row["session_id"], expires_at=row["expires_at"])


def _user(row: asyncpg.Record) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        role=InstanceRole(row["role"]),
        created_at=row["created_at"],
    )
