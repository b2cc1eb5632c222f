"""Choosing a new password: with the old one, or with the leave an admin gave."""

from __future__ import annotations

from dataclasses import replace

from picloud.domain.app import require_session
from picloud.domain.audit import AuditAction
from picloud.domain.failures import FieldFault, InvalidCredentials, NotFound, require_valid
from picloud.domain.invitation import RESET_PREFIX
from picloud.domain.session import LogInMethod
from picloud.domain.user import MAX_PASSWORD, Actor, Client, password_faults
from picloud.manager import one_time
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.log_in_limits import LogInLimits
from picloud.manager.passwords import Passwords
from picloud.manager.sessions import Login, Sessions
from picloud.store import password_resets, users
from picloud.store.database import Pool


class PasswordChanges:
    """Both ways end every session of the user and begin a new one."""

    def __init__(
        self,
        *,
        pool: Pool,
        sessions: Sessions,
        passwords: Passwords,
        limits: LogInLimits,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._pool = pool
        self._sessions = sessions
        self._passwords = passwords
        self._limits = limits
        self._audit = audit
        self._clock = clock

    async def change(self, actor: Actor, *, old: str, new: str) -> Login:
        """Choose a new password with the old one.

        Raises `InvalidInput`, `TooManyAttempts`, `InvalidCredentials` for a wrong old one, and
        `PermissionDenied` to a token.
        """
        require_session(actor)
        require_valid(_new(new))
        user = actor.user
        attempt = self._limits.take(
            account=user.email, address=actor.client.address, known_session=actor.credential.id
        )
        found = await users.find_login(self._pool, user.email)
        hashed = found[1] if found else None
        usable = len(old) <= MAX_PASSWORD and hashed is not None
        if not await self._passwords.verify(hashed if usable else None, old) or not usable:
            raise InvalidCredentials("The old password is wrong.")
        attempt.succeeded()
        fresh = await self._passwords.hash(new)
        async with self._pool.acquire() as db, db.transaction():
            await users.set_password_hash(db, user.id, fresh)
            await password_resets.delete_reset(db, user.id)
            await self._sessions.end_all(db, user.id)
            login = await self._sessions.start(
                db, user, method=LogInMethod.PASSWORD, client=actor.client
            )
            await self._audit.record(db, actor, AuditAction.PASSWORD_CHANGE, target=user.email)
        return login

    async def reset(self, client: Client, *, secret: str, new: str) -> Login:
        """Choose a new password with the leave of an admin.

        Raises `InvalidInput`, `TooManyAttempts`, and `NotFound` for a secret that was used or
        replaced, has run out, or is of a disabled user.
        """
        attempt = self._limits.take_anonymous(address=client.address)
        require_valid(_new(new))
        digest = one_time.digest_of(secret, prefix=RESET_PREFIX)
        if digest is None:
            raise NotFound(kind="password reset")
        async with self._pool.acquire() as db, db.transaction():
            user_id = await password_resets.take_reset(db, digest, now=self._clock())
            if user_id is None:
                raise NotFound(kind="password reset")
            hashed = await self._passwords.hash(new)
            await users.set_password_hash(db, user_id, hashed)
            await self._sessions.end_all(db, user_id)
            [user] = await users.get_users(db, [user_id])
            if user is None:
                raise NotFound(kind="password reset")
            login = await self._sessions.start(db, user, method=LogInMethod.RESET, client=client)
            await self._audit.record(db, client, AuditAction.PASSWORD_RESET, target=user.email)
        attempt.succeeded()
        return login


def _new(password: str) -> list[FieldFault]:
    return [replace(fault, field="new_password") for fault in password_faults(password)]
