"""Accounts: the owner at the first start, log-in and log-out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from picloud.domain.app import require_session
from picloud.domain.audit import AuditAction
from picloud.domain.failures import InvalidCredentials, require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.user import (
    MAX_PASSWORD,
    SESSION_LIFETIME,
    SESSION_PREFIX,
    Actor,
    Client,
    InstanceRole,
    Session,
    SessionGrant,
    User,
    email_faults,
    normal_email,
    password_faults,
)
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.identity import secret_hash
from picloud.manager.passwords import Passwords
from picloud.store import users
from picloud.store.database import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A new session; the token is shown this once."""

    token: str
    session: Session
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerCreated:
    """The owner's log-in, with the password if it was generated."""

    email: str
    generated_password: str | None


class Accounts:
    """Who the users are and how they prove it."""

    def __init__(
        self, *, pool: Pool, passwords: Passwords, audit: Audit, ids: IdMaker, clock: Clock
    ) -> None:
        self._pool = pool
        self._audit = audit
        self._passwords = passwords
        self._ids = ids
        self._clock = clock

    async def ensure_owner(self, *, email: str, password: str | None) -> OwnerCreated | None:
        """Create the owner unless there are users; a missing password is generated."""
        if await users.any_user_exists(self._pool):
            return None
        chosen = password if password is not None else secrets.token_urlsafe(15)
        email = normal_email(email)
        require_valid([*email_faults(email), *password_faults(chosen)])
        hashed = await self._passwords.hash(chosen)
        now = self._clock()
        owner = User(id=self._ids.new(), email=email, role=InstanceRole.ADMIN, created_at=now)
        async with self._pool.acquire() as db, db.transaction():
            await users.lock_users(db)
            if await users.any_user_exists(db):
                return None
            await users.add_user(db, owner, password_hash=hashed)
        return OwnerCreated(
            email=email, generated_password=None if password is not None else chosen
        )

    async def log_in(self, client: Client, *, email: str, password: str) -> Login:
        """Start a session; raises `InvalidCredentials`."""
        email = normal_email(email)
        usable = not email_faults(email) and len(password) <= MAX_PASSWORD
        found = await users.find_login(self._pool, email) if usable else None
        user, hashed = found if found else (None, None)
        fits = await self._passwords.verify(hashed, password)
        if user is None or hashed is None or not fits:
            # What is no address may be a password in the wrong field.
            target = email if usable else ""
            await self._audit.record(self._pool, client, AuditAction.SESSION_REFUSED, target=target)
            raise InvalidCredentials
        if self._passwords.outdated(hashed):
            fresh = await self._passwords.hash(password)
            await users.set_password_hash(self._pool, user.id, fresh)
        return await self._start_session(user, client)

    async def log_out(self, actor: Actor) -> datetime:
        """End the session, everywhere, and return when; raises `PermissionDenied` to a token."""
        require_session(actor)
        async with self._pool.acquire() as db, db.transaction():
            await users.delete_session(db, actor.credential.id)
            await self._audit.record(db, actor, AuditAction.SESSION_DELETE, target=actor.user.email)
        return self._clock()

    async def _start_session(self, user: User, client: Client) -> Login:
        now = self._clock()
        token = SESSION_PREFIX + secrets.token_urlsafe(32)
        session = Session(
            id=self._ids.new(), user_id=user.id, created_at=now, expires_at=now + SESSION_LIFETIME
        )
        grant = SessionGrant(id=session.id, expires_at=session.expires_at)
        actor = Actor(user=user, credential=grant, client=client)
        async with self._pool.acquire() as db, db.transaction():
            await users.delete_expired_sessions(db, now)
            await users.add_session(db, session, token_hash=secret_hash(token))
            await self._audit.record(db, actor, AuditAction.SESSION_CREATE, target=user.email)
        return Login(token=token, session=session, user=user)
