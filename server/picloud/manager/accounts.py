"""Accounts: the owner at the first start, and log-in by password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from picloud.domain.audit import AuditAction
from picloud.domain.failures import InvalidCredentials, require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.session import LogInMethod
from picloud.domain.user import (
    MAX_PASSWORD,
    Actor,
    Client,
    InstanceRole,
    User,
    email_faults,
    normal_email,
    password_faults,
)
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.log_in_limits import LogInLimits
from picloud.manager.passwords import Passwords
from picloud.manager.sessions import Login, Sessions
from picloud.store import users
from picloud.store.database import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerCreated:
    """The owner's log-in, with the password if it was generated."""

    email: str
    generated_password: str | None


class Accounts:
    """Who the users are and how they prove it."""

    def __init__(
        self,
        *,
        pool: Pool,
        sessions: Sessions,
        passwords: Passwords,
        limits: LogInLimits,
        audit: Audit,
        ids: IdMaker,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._sessions = sessions
        self._limits = limits
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

    async def log_in(
        self, client: Client, *, email: str, password: str, before: Actor | None
    ) -> Login:
        """Start a session, and end the one who asks has already.

        Raises `TooManyAttempts`, and `InvalidCredentials` also for a user who is disabled.
        """
        email = normal_email(email)
        usable = not email_faults(email) and len(password) <= MAX_PASSWORD
        attempt = self._limits.take(
            account=email if usable else "",
            address=client.address,
            known_session=_session_of(before, email),
        )
        found = await users.find_login(self._pool, email) if usable else None
        user, hashed = found if found else (None, None)
        fits = await self._passwords.verify(hashed, password)
        if user is None or hashed is None or not fits:
            # What is no address may be a password in the wrong field.
            target = email if usable else ""
            await self._audit.record(self._pool, client, AuditAction.SESSION_REFUSED, target=target)
            raise InvalidCredentials
        attempt.succeeded()
        if self._passwords.outdated(hashed):
            fresh = await self._passwords.hash(password)
            await users.set_password_hash(self._pool, user.id, fresh)
        return await self._start_session(user, client, before)

    async def _start_session(self, user: User, client: Client, before: Actor | None) -> Login:
        async with self._pool.acquire() as db, db.transaction():
            if before is not None and before.token is None:
                await self._sessions.replace(db, before)
            login = await self._sessions.start(db, user, method=LogInMethod.PASSWORD, client=client)
            await self._audit.record(
                db, login.actor(client), AuditAction.SESSION_CREATE, target=user.email
            )
        return login


def _session_of(actor: Actor | None, email: str) -> UUID | None:
    """The session that somebody of this very account has already."""
    if actor is None or actor.token is not None or actor.user.email != email:
        return None
    return actor.credential.id
