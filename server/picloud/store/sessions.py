"""Sessions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.page import Page, PageRequest
from picloud.domain.session import USE_NOTED_EVERY, LogInMethod, Session
from picloud.domain.user import Client, InstanceRole, User
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import list_page


async def add_session(db: Executor, session: Session, *, token_hash: bytes) -> None:
    """Store a log-in."""
    await db.execute(
        SQL["add_session"],
        session.id,
        session.user_id,
        token_hash,
        session.method,
        session.address,
        session.agent,
        session.created_at,
        session.expires_at,
    )


async def find_session(
    db: Executor, token_hash: bytes, now: datetime
) -> tuple[User, Session] | None:
    """The session of a token that stands, and whose it is."""
    return _with_user(await db.fetchrow(SQL["find_session"], token_hash, now))


async def get_session(db: Executor, session_id: UUID, now: datetime) -> tuple[User, Session] | None:
    """The session of this id, if it stands, and whose it is."""
    return _with_user(await db.fetchrow(SQL["get_session"], session_id, now))


async def note_use(db: Executor, session: Session, *, now: datetime, client: Client) -> None:
    """Remember when and where from a session is used: at most one write in a while."""
    if session.use_is_old(now):
        await db.execute(
            SQL["note_session_use"],
            session.id,
            now,
            client.address,
            client.agent,
            now - USE_NOTED_EVERY,
        )


async def delete_session(db: Executor, session_id: UUID, *, user_id: UUID) -> Session | None:
    """End a session; None if this user has no such session."""
    row = await db.fetchrow(SQL["delete_session"], session_id, user_id)
    return None if row is None else _session(row)


async def delete_other_sessions(db: Executor, user_id: UUID, *, keep: UUID | None) -> int:
    """End the sessions of a user, but for one; returns how many."""
    return len(await db.fetch(SQL["delete_other_sessions"], user_id, keep))


async def delete_expired_sessions(db: Executor, now: datetime) -> None:
    """Forget what ran out."""
    await db.execute(SQL["delete_expired_sessions"], now)


async def get_own_sessions(
    db: Executor, user_id: UUID, ids: Sequence[UUID], now: datetime
) -> list[Session | None]:
    """Sessions of a user in the order of the ids, None for anybody else's."""
    rows = await db.fetch(SQL["get_own_sessions"], list(ids), user_id, now)
    found = {row["id"]: _session(row) for row in rows}
    return [found.get(key) for key in ids]


async def list_sessions(
    db: Executor, request: PageRequest[UUID], *, user_id: UUID, now: datetime
) -> Page[Session]:
    """A page of a user's sessions, oldest first."""
    return await list_page(db, "list_sessions", request, _session, user_id, now)


def _with_user(row: asyncpg.Record | None) -> tuple[User, Session] | None:
    if row is None:
        return None
    user = User(
        id=row["user_id"],
        email=row["email"],
        role=InstanceRole(row["role"]),
        created_at=row["user_created_at"],
    )
    return user, _session(row)


def _session(row: asyncpg.Record) -> Session:
    return Session(
        id=row["id"],
        user_id=row["user_id"],
        method=LogInMethod(row["method"]),
        address=row["address"],
        agent=row["agent"],
        created_at=row["created_at"],
        used_at=row["used_at"],
        expires_at=row["expires_at"],
    )
