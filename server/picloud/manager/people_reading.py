"""What an actor may read about people: their own sessions; as an admin users and invitations."""

from __future__ import annotations

from uuid import UUID

from picloud.domain.app import InstancePermission, may_on_instance, require_on_instance
from picloud.domain.invitation import Invitation
from picloud.domain.page import Page, PageRequest
from picloud.domain.session import Session
from picloud.domain.user import Actor, User
from picloud.manager.clock import Clock, utc_now
from picloud.store import invitations, sessions, users
from picloud.store.database import Pool


class PeopleReading:
    """Lists raise `PermissionDenied`; an object that may not be seen does not exist."""

    def __init__(self, *, pool: Pool, actor: Actor, clock: Clock = utc_now) -> None:
        self._pool = pool
        self._actor = actor
        self._clock = clock

    async def list_users(self, request: PageRequest[str]) -> Page[User]:
        """Everybody, by address."""
        require_on_instance(self._actor, InstancePermission.USERS_MANAGE)
        return await users.list_users(self._pool, request)

    async def list_invitations(self, request: PageRequest[str]) -> Page[Invitation]:
        """The open invitations, by address."""
        require_on_instance(self._actor, InstancePermission.USERS_MANAGE)
        return await invitations.list_invitations(self._pool, request, now=self._clock())

    async def list_sessions(self, request: PageRequest[UUID]) -> Page[Session]:
        """One's own, oldest first."""
        require_on_instance(self._actor, InstancePermission.ACCOUNT_CHANGE)
        return await sessions.list_sessions(
            self._pool, request, user_id=self._actor.user.id, now=self._clock()
        )

    async def invitation(self, invitation_id: UUID) -> Invitation | None:
        """An open invitation."""
        if not may_on_instance(self._actor, InstancePermission.USERS_MANAGE):
            return None
        [found] = await invitations.get_invitations(self._pool, [invitation_id])
        return found if found and found.expires_at > self._clock() else None

    async def session(self, session_id: UUID) -> Session | None:
        """One of one's own."""
        if not may_on_instance(self._actor, InstancePermission.ACCOUNT_CHANGE):
            return None
        [found] = await sessions.get_own_sessions(
            self._pool, self._actor.user.id, [session_id], self._clock()
        )
        return found
