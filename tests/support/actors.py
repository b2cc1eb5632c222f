"""Actors for tests of the rules."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from picloud.domain.user import (
    Actor,
    Client,
    InstanceRole,
    Scope,
    SessionGrant,
    TokenGrant,
    User,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLIENT = Client(address="192.0.2.7", agent="tests/1")


def a_user(role: InstanceRole = InstanceRole.MEMBER) -> User:
    """A user."""
    return User(id=UUID(int=1), email="a@b", role=role, created_at=NOW)


def an_actor(role: InstanceRole = InstanceRole.MEMBER) -> Actor:
    """Somebody with a session."""
    session = SessionGrant(id=UUID(int=2), expires_at=NOW + timedelta(days=1))
    return Actor(user=a_user(role), credential=session, client=CLIENT)


def a_token_actor(
    scopes: Collection[Scope],
    *,
    role: InstanceRole = InstanceRole.MEMBER,
    app_id: UUID | None = None,
    script_id: UUID | None = None,
) -> Actor:
    """Somebody with a token."""
    grant = TokenGrant(id=UUID(int=3), scopes=frozenset(scopes), app_id=app_id, script_id=script_id)
    return Actor(user=a_user(role), credential=grant, client=CLIENT)
