"""Invitations: how people come to the instance without an issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from picloud.domain.app import App, AppRole, InstancePermission, Permission, require_on_instance
from picloud.domain.audit import AuditAction
from picloud.domain.failures import NameTaken, NotFound, require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.invitation import INVITATION_PREFIX, Invitation
from picloud.domain.quota import Quota
from picloud.domain.session import LogInMethod
from picloud.domain.user import (
    Actor,
    Client,
    InstanceRole,
    User,
    email_faults,
    normal_email,
    password_faults,
)
from picloud.manager import one_time
from picloud.manager.access import app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.identity import secret_hash
from picloud.manager.log_in_limits import LogInLimits
from picloud.manager.passwords import Passwords
from picloud.manager.quotas import Quotas
from picloud.manager.sessions import Login, Sessions
from picloud.store import apps, invitations, users
from picloud.store.database import Executor, Pool, PoolConnection

GONE = "invitation"  # used, revoked, run out, or another address's: one answer for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An app to become a member of."""

    app: str
    role: AppRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation; the secret is shown this once."""

    invitation: Invitation
    secret: str


class Invitations:
    """Inviting, and coming."""

    def __init__(
        self,
        *,
        pool: Pool,
        quotas: Quotas,
        sessions: Sessions,
        passwords: Passwords,
        limits: LogInLimits,
        audit: Audit,
        ids: IdMaker,
        clock: Clock,
        lifetime: timedelta,
    ) -> None:
        self._pool = pool
        self._quotas = quotas
        self._sessions = sessions
        self._passwords = passwords
        self._limits = limits
        self._audit = audit
        self._ids = ids
        self._clock = clock
        self._lifetime = lifetime

    async def invite(
        self, actor: Actor, *, email: str, role: InstanceRole, place: Place | None
    ) -> Invited:
        """Invite an address, in the place of an earlier invitation to it.

        Raises `PermissionDenied`, `InvalidInput`, `NameTaken` if there is such a user, and
        `NotFound` if there is no such app.
        """
        require_on_instance(actor, InstancePermission.USERS_MANAGE)
        email = normal_email(email)
        require_valid(email_faults(email))
        secret = one_time.make(INVITATION_PREFIX)
        async with self._pool.acquire() as db, db.transaction():
            app = await self._app(db, actor, place)
            if await users.find_user(db, email) is not None:
                raise NameTaken(kind="user", name=email)
            now = self._clock()
            invitation = Invitation(
                id=self._ids.new(),
                email=email,
                role=role,
                app_id=app.id if app else None,
                app_role=place.role if place else None,
                created_by=actor.user.id,
                created_at=now,
                expires_at=now + self._lifetime,
            )
            await invitations.delete_expired_invitations(db, now)
            await invitations.add_invitation(db, invitation, token_hash=secret_hash(secret))
            await self._audit.record(
                db,
                actor,
                AuditAction.USER_INVITE,
                app=app,
                target=email,
                after={"role": role, "app_role": place.role if place else None},
            )
        return Invited(invitation=invitation, secret=secret)

    async def revoke(self, actor: Actor, invitation_id: UUID) -> Invitation:
        """Take an invitation back; raises `PermissionDenied`, `NotFound`."""
        require_on_instance(actor, InstancePermission.USERS_MANAGE)
        async with self._pool.acquire() as db, db.transaction():
            revoked = await invitations.delete_invitation(db, invitation_id)
            if revoked is None:
                raise NotFound(kind=GONE)
            await self._audit.record(db, actor, AuditAction.INVITATION_REVOKE, target=revoked.email)
        return revoked

    async def accept(self, client: Client, *, secret: str, email: str, password: str) -> Login:
        """Become a user, and be logged in.

        Raises `InvalidInput`, `TooManyAttempts`, `QuotaExceeded` of the app, and `NotFound` for a
        secret that was used or revoked, has run out, or was made for another address.
        """
        attempt = self._limits.take_anonymous(address=client.address)
        require_valid(password_faults(password))
        digest = one_time.digest_of(secret, prefix=INVITATION_PREFIX)
        email = normal_email(email)
        if digest is None or email_faults(email):
            raise NotFound(kind=GONE)
        async with self._pool.acquire() as db, db.transaction():
            # The row is the right to come in: of two who take it, one gets nothing.
            found = await invitations.take_invitation(db, digest, email=email, now=self._clock())
            if found is None:
                raise NotFound(kind=GONE)
            hashed = await self._passwords.hash(password)
            user = await self.welcome(db, found, client=client, password_hash=hashed)
            login = await self._sessions.start(
                db, user, method=LogInMethod.INVITATION, client=client
            )
        attempt.succeeded()
        return login

    async def welcome(
        self, db: PoolConnection, found: Invitation, *, client: Client, password_hash: str | None
    ) -> User:
        """Make the user whom a taken invitation is for; raises `NameTaken`, `QuotaExceeded`."""
        user = User(
            id=self._ids.new(), email=found.email, role=found.role, created_at=self._clock()
        )
        await users.add_user(db, user, password_hash=password_hash)
        app = await self._join(db, user, found)
        await self._audit.record(
            db,
            client,
            AuditAction.INVITATION_ACCEPT,
            app=app,
            target=user.email,
            after={"role": user.role, "app_role": found.app_role},
        )
        return user

    async def _join(self, db: PoolConnection, user: User, found: Invitation) -> App | None:
        """Become a member of the app of the invitation, unless it was deleted meanwhile."""
        if found.app_id is None or found.app_role is None:
            return None
        [app] = await apps.get_apps(db, [found.app_id])
        if app is not None:
            async with self._quotas.within(db, app, Quota.MEMBERS):
                await apps.add_member(db, app_id=app.id, user_id=user.id, role=found.app_role)
        return app

    async def _app(self, db: Executor, actor: Actor, place: Place | None) -> App | None:
        if place is None:
            return None
        return await app_for(db, actor, place.app, Permission.MEMBERS_CHANGE)
