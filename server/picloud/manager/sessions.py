"""Sessions: starting them, and ending one's own. The ends reach open subscriptions too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picloud.domain.app import InstancePermission, require_on_instance, require_session
from picloud.domain.audit import AuditAction
from picloud.domain.failures import NotFound
from picloud.domain.ids import IdMaker
from picloud.domain.session import (
    SESSION_LIFETIME,
    SESSION_PREFIX,
    LogInMethod,
    Session,
)
from picloud.domain.user import Actor, Client, SessionGrant, User
from picloud.manager import one_time
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.identity import secret_hash
from picloud.store import sessions
from picloud.store.access import notify_access
from picloud.store.database import Executor, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A new session; the token is shown this once."""

    token: str
    session: Session
    user: User

    def actor(self, client: Client) -> Actor:
        """Who has just logged in."""
        grant = SessionGrant(id=self.session.id, expires_at=self.session.expires_at)
        return Actor(user=self.user, credential=grant, client=client)


class Sessions:
    """The sessions of users."""

    def __init__(self, *, pool: Pool, audit: Audit, ids: IdMaker, clock: Clock) -> None:
        self._pool = pool
        self._audit = audit
        self._ids = ids
        self._clock = clock

    async def start(
        self, db: Executor, user: User, *, method: LogInMethod, client: Client
    ) -> Login:
        """Log a user in who has proved who they are. The token is always a new one."""
        now = self._clock()
        token = one_time.make(SESSION_PREFIX)
        session = Session(
            id=self._ids.new(),
            user_id=user.id,
            method=method,
            address=client.address,
            agent=client.agent,
            created_at=now,
            used_at=now,
            expires_at=now + SESSION_LIFETIME,
        )
        await sessions.delete_expired_sessions(db, now)
        await sessions.add_session(db, session, token_hash=secret_hash(token))
        return Login(token=token, session=session, user=user)

    async def end_all(self, db: Executor, user_id: UUID, *, but: UUID | None = None) -> int:
        """End the sessions of a user, but perhaps for one; returns how many."""
        ended = await sessions.delete_other_sessions(db, user_id, keep=but)
        await notify_access(db, user_id)
        return ended

    async def replace(self, db: Executor, actor: Actor) -> None:
        """End the session that asks, because another takes its place."""
        await sessions.delete_session(db, actor.credential.id, user_id=actor.user.id)
        await notify_access(db, actor.credential.id)

    async def log_out(self, actor: Actor) -> datetime:
        """End the session that asks, and return when; raises `PermissionDenied` to a token."""
        require_session(actor)
        async with self._pool.acquire() as db, db.transaction():
            await self._end(db, actor, actor.credential.id, AuditAction.SESSION_DELETE)
        return self._clock()

    async def revoke(self, actor: Actor, session_id: UUID) -> Session:
        """End one of one's sessions; raises `NotFound` for anybody else's, `PermissionDenied`."""
        require_on_instance(actor, InstancePermission.ACCOUNT_CHANGE)
        async with self._pool.acquire() as db, db.transaction():
            ended = await self._end(db, actor, session_id, AuditAction.SESSION_REVOKE)
        if ended is None:
            raise NotFound(kind="session")
        return ended

    async def revoke_others(self, actor: Actor) -> int:
        """End all of one's sessions but the one that asks; returns how many."""
        require_on_instance(actor, InstancePermission.ACCOUNT_CHANGE)
        async with self._pool.acquire() as db, db.transaction():
            own = None if actor.token else actor.credential.id
            ended = await self.end_all(db, actor.user.id, but=own)
            await self._audit.record(
                db,
                actor,
                AuditAction.SESSION_REVOKE_OTHERS,
                target=actor.user.email,
                after={"ended": ended},
            )
        return ended

    async def _end(
        self, db: Executor, actor: Actor, session_id: UUID, action: AuditAction
    ) -> Session | None:
        ended = await sessions.delete_session(db, session_id, user_id=actor.user.id)
        if ended is not None:
            await notify_access(db, session_id)
            await self._audit.record(db, actor, action, target=actor.user.email)
        return ended
