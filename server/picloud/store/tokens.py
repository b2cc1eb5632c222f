"""API tokens in PostgreSQL, as managers and nodes look them up. Only hashes are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.token import USE_RESOLUTION, Token
from picloud.domain.user import InstanceRole, Scope, User
from picloud.store.database import Executor
from picloud.store.queries import SQL


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token that stands, and whose it is."""

    token: Token
    user: User


async def find_token(db: Executor, token_hash: bytes, now: datetime) -> TokenRow | None:
    """The token of this SHA-256, unless it was revoked or has run out."""
    return _with_user(await db.fetchrow(SQL["find_token"], token_hash, now))


async def get_standing_token(db: Executor, token_id: UUID, now: datetime) -> TokenRow | None:
    """The token of this id, unless it was revoked or has run out."""
    return _with_user(await db.fetchrow(SQL["get_standing_token"], token_id, now))


async def note_use(db: Executor, token: Token, now: datetime) -> None:
    """Remember that a token is used: at most one write a minute, none for a token at rest."""
    if token.use_is_old(now):
        await db.execute(SQL["note_token_use"], token.id, now, now - USE_RESOLUTION)


def _with_user(row: asyncpg.Record | None) -> TokenRow | None:
    if row is None:
        return None
    user = User(
        id=row["user_id"],
        email=row["email"],
        role=InstanceRole(row["role"]),
        created_at=row["user_created_at"],
    )
    return TokenRow(token=_token(row), user=user)


def _token(row: asyncpg.Record) -> Token:
    return Token(
        id=row["id"],
        user_id=row["user_id"],
        name=row["name"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        app_id=row["app_id"],
        script_id=row["script_id"],
        minted_by=row["minted_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
