"""Users in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from picloud.domain.failures import NameTaken
from picloud.domain.page import Page, PageRequest
from picloud.domain.user import InstanceRole, User
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_page


async def add_user(db: Executor, user: User, *, password_hash: str | None) -> None:
    """Store a user; raises `NameTaken` for an address that another one has."""
    try:
        await db.execute(
            SQL["add_user"], user.id, user.email, password_hash, user.role, user.created_at
        )
    except asyncpg.UniqueViolationError as exc:
        if exc.constraint_name == "user_email_unique":
            raise NameTaken(kind="user", name=user.email) from exc
        raise


async def lock_users(db: Executor) -> None:
    """Keep other managers from adding users until this transaction ends."""
    await db.execute(SQL["lock_users"])


async def any_user_exists(db: Executor) -> bool:
    """Whether the instance has an owner yet."""
    return bool(await db.fetchval(SQL["any_user_exists"]))


async def find_login(db: Executor, email: str) -> tuple[User, str | None] | None:
    """A user who may log in and the hash of the password, if there is one."""
    row = await db.fetchrow(SQL["find_login"], email)
    return None if row is None else (_user(row), row["password_hash"])


async def set_password_hash(db: Executor, user_id: UUID, password_hash: str) -> None:
    """Replace a hash by one with today's parameters."""
    await db.execute(SQL["set_password_hash"], user_id, password_hash)


async def get_users(db: Executor, ids: Sequence[UUID]) -> list[User | None]:
    """Users in the order of the ids."""
    return await get_many(db, "get_users", ids, _user)


async def colleagues(
    db: Executor, user_id: UUID, ids: Sequence[UUID], *, only: UUID | None = None
) -> set[UUID]:
    """Which of these users share an app with this one, or the only app that counts."""
    rows = await db.fetch(SQL["users_share_app"], user_id, list(ids), only)
    return {row["id"] for row in rows}


async def find_user(db: Executor, email: str, *, hold: bool = False) -> User | None:
    """A user by address; `hold` keeps others from changing them until the transaction ends."""
    row = await db.fetchrow(SQL["hold_user_of_email" if hold else "find_user"], email)
    return None if row is None else _user(row)


async def lock_admins(db: Executor) -> list[UUID]:
    """The admins who may log in; nobody changes them until this transaction ends."""
    return [row["id"] for row in await db.fetch(SQL["lock_admins"])]


async def set_user(db: Executor, user: User) -> None:
    """Store a user's role, and whether they are disabled."""
    await db.execute(SQL["set_user"], user.id, user.role, user.disabled_at)


async def delete_user(db: Executor, user_id: UUID) -> None:
    """Forget a user with their sessions, tokens and memberships."""
    await db.execute(SQL["delete_user"], user_id)


async def list_users(db: Executor, request: PageRequest[str]) -> Page[User]:
    """A page of all users, by address."""
    return await list_page(db, "list_users", request, _user)


def _user(row: asyncpg.Record) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        role=InstanceRole(row["role"]),
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )
