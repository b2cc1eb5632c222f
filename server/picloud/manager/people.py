"""The users of the instance, for its admins: roles, disabling, deleting, password resets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from picloud.domain.app import InstancePermission, require_on_instance
from picloud.domain.audit import AuditAction
from picloud.domain.failures import LastAdmin, NotFound
from picloud.domain.invitation import RESET_PREFIX, PasswordReset
from picloud.domain.user import Actor, InstanceRole, User, normal_email
from picloud.manager import one_time
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.identity import secret_hash
from picloud.manager.sessions import Sessions
from picloud.store import members, password_resets, users
from picloud.store.access import notify_access
from picloud.store.database import Pool, PoolConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetMade:
    """Leave for a user to choose a new password; the secret is shown this once."""

    user: User
    secret: str
    reset: PasswordReset


class People:
    """What an admin does with users. Every method raises `PermissionDenied` and `NotFound`."""

    def __init__(
        self,
        *,
        pool: Pool,
        sessions: Sessions,
        audit: Audit,
        clock: Clock,
        reset_lifetime: timedelta,
    ) -> None:
        self._pool = pool
        self._sessions = sessions
        self._audit = audit
        self._clock = clock
        self._reset_lifetime = reset_lifetime

    async def set_role(self, actor: Actor, email: str, role: InstanceRole) -> User:
        """Make a user an admin or a member; raises `LastAdmin`."""
        async with self._changing(actor, email) as (db, user):
            changed = replace(user, role=role)
            if changed != user:
                await self._save(db, user, changed)
                await self._audit.record(
                    db,
                    actor,
                    AuditAction.USER_ROLE_SET,
                    target=user.email,
                    before={"role": user.role},
                    after={"role": role},
                )
        return changed

    async def disable(self, actor: Actor, email: str) -> User:
        """Let a user in no more, and end all that is open; raises `LastAdmin`, `LastOwner`."""
        async with self._changing(actor, email) as (db, user):
            changed = replace(user, disabled_at=user.disabled_at or self._clock())
            if changed != user:
                await members.require_other_owners(db, user.id)
                await self._save(db, user, changed)
                await password_resets.delete_reset(db, user.id)
                await self._sessions.end_all(db, user.id)
                await self._audit.record(db, actor, AuditAction.USER_DISABLE, target=user.email)
        return changed

    async def enable(self, actor: Actor, email: str) -> User:
        """Let a user in again."""
        async with self._changing(actor, email) as (db, user):
            changed = replace(user, disabled_at=None)
            if changed != user:
                await self._save(db, user, changed)
                await self._audit.record(db, actor, AuditAction.USER_ENABLE, target=user.email)
        return changed

    async def delete(self, actor: Actor, email: str) -> User:
        """Forget a user; what they made stays. Raises `LastAdmin`, `LastOwner`."""
        async with self._changing(actor, email) as (db, user):
            await members.require_other_owners(db, user.id)
            await self._require_other_admin(db, user)
            await self._sessions.end_all(db, user.id)
            await users.delete_user(db, user.id)
            await self._audit.record(
                db,
                actor,
                AuditAction.USER_DELETE,
                target=user.email,
                before={"role": user.role},
            )
        return user

    async def create_reset(self, actor: Actor, email: str) -> ResetMade:
        """Let a user choose a new password, once. An earlier leave ends."""
        secret = one_time.make(RESET_PREFIX)
        async with self._changing(actor, email) as (db, user):
            now = self._clock()
            reset = PasswordReset(
                user_id=user.id, created_at=now, expires_at=now + self._reset_lifetime
            )
            await password_resets.add_reset(db, reset, token_hash=secret_hash(secret))
            await self._audit.record(
                db, actor, AuditAction.PASSWORD_RESET_CREATE, target=user.email
            )
        return ResetMade(user=user, secret=secret, reset=reset)

    @asynccontextmanager
    async def _changing(
        self, actor: Actor, email: str
    ) -> AsyncIterator[tuple[PoolConnection, User]]:
        """The user, held until the change is done."""
        require_on_instance(actor, InstancePermission.USERS_MANAGE)
        async with self._pool.acquire() as db, db.transaction():
            # Whoever changes users holds all admins, so of two who would remove the last two one
            # waits and then finds the other's change.
            await users.lock_admins(db)
            user = await users.find_user(db, normal_email(email), hold=True)
            if user is None:
                raise NotFound(kind="user", name=email)
            yield db, user

    async def _save(self, db: PoolConnection, user: User, changed: User) -> None:
        if not changed.is_active_admin:
            await self._require_other_admin(db, user)
        await users.set_user(db, changed)
        await notify_access(db, user.id)

    async def _require_other_admin(self, db: PoolConnection, user: User) -> None:
        if user.is_active_admin and await users.lock_admins(db) == [user.id]:
            raise LastAdmin
