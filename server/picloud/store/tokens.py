"""API tokens in PostgreSQL. Only hashes are kept; a revoked one is kept but never found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.failures import NameTaken
from picloud.domain.page import Page, PageRequest
from picloud.domain.token import USE_RESOLUTION, Token
from picloud.domain.user import InstanceRole, Scope, User
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_pages


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


async def add_token(db: Executor, token: Token, *, token_hash: bytes) -> None:
    """Store a token; raises `NameTaken`."""
    try:
        await db.execute(
            SQL["add_token"],
            token.id,
            token.user_id,
            token.name,
            token_hash,
            sorted(token.scopes),
            token.app_id,
            token.script_id,
            token.minted_by,
            token.created_at,
            token.expires_at,
        )
    except asyncpg.UniqueViolationError as exc:
        if exc.constraint_name == "token_name_unique_of_user":
            raise NameTaken(kind="token", name=token.name) from exc
        raise


async def hold_tokens(db: Executor, user_id: UUID) -> int:
    """Keep others from minting for this user until the transaction ends; how many there are."""
    await db.execute(SQL["hold_user"], user_id)
    return int(await db.fetchval(SQL["count_tokens"], user_id))


async def hold_token(db: Executor, token_id: UUID) -> bool:
    """Keep a token from being revoked until the transaction ends; False: it was."""
    return await db.fetchval(SQL["hold_token"], token_id) is not None


async def revoke_token(db: Executor, token_id: UUID, now: datetime) -> list[Token]:
    """Revoke a token and those that were minted with it, and with those; returns them all.

    A token that mints is held until the new one is stored, so that each round finds what the one
    before it waited for.
    """
    ended = [_token(row) for row in await db.fetch(SQL["revoke_token"], token_id, now)]
    parents = [token.id for token in ended]
    while parents:
        rows = await db.fetch(SQL["revoke_minted"], parents, now)
        parents = [row["id"] for row in rows]
        ended += [_token(row) for row in rows]
    return ended


async def get_tokens(db: Executor, ids: Sequence[UUID]) -> list[Token | None]:
    """Tokens in the order of the ids."""
    return await get_many(db, "get_tokens", ids, _token)


async def list_user_tokens(
    db: Executor, user_ids: Sequence[UUID], request: PageRequest[UUID]
) -> list[Page[Token]]:
    """A page of each user's tokens."""
    return await list_pages(db, "list_user_tokens", user_ids, request, _token)


async def list_app_tokens(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[UUID]
) -> list[Page[Token]]:
    """A page of the tokens that are for each app only."""
    return await list_pages(db, "list_app_tokens", app_ids, request, _token)


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
