"""Members of apps: who has which place, and that somebody always owns the app.

Each change holds the app and asks for the actor's right under that lock, so that of two owners who
remove each other at once one finds out that they are none any more.
"""

from __future__ import annotations

from picloud.domain.app import App, AppRole, Permission
from picloud.domain.audit import AuditAction
from picloud.domain.failures import AlreadyMember, NotFound
from picloud.domain.member import Member
from picloud.domain.quota import Quota
from picloud.domain.user import Actor, User, normal_email
from picloud.manager.access import held_app_for
from picloud.manager.audit import Audit
from picloud.manager.quotas import Quotas
from picloud.store import access, apps, members, users
from picloud.store.database import Pool, PoolConnection


class Members:
    """What may be done with the members of an app.

    Every method raises `NotFound` and `PermissionDenied`, and `LastOwner` rather than leave an app
    without an owner.
    """

    def __init__(self, *, pool: Pool, quotas: Quotas, audit: Audit) -> None:
        self._pool = pool
        self._quotas = quotas
        self._audit = audit

    async def add(self, actor: Actor, app_name: str, *, email: str, role: AppRole) -> Member:
        """Give an existing user a place; raises `AlreadyMember` and `QuotaExceeded` too."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.MEMBERS_CHANGE)
            user = await _user(db, email)
            [present] = await apps.get_roles(db, user.id, [app.id])
            if present is not None:
                raise AlreadyMember(email=user.email, role=present.value)
            async with self._quotas.within(db, app, Quota.MEMBERS):
                await apps.add_member(db, app_id=app.id, user_id=user.id, role=role)
            await self._told(db, actor, AuditAction.MEMBER_ADD, app, user, None, role)
        return Member(app_id=app.id, user_id=user.id, email=user.email, role=role)

    async def set_role(self, actor: Actor, app_name: str, *, email: str, role: AppRole) -> Member:
        """Give a member another role."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.MEMBERS_CHANGE)
            user, before = await _member(db, app, email)
            await members.set_role(db, app_id=app.id, user_id=user.id, role=role)
            await members.require_owner(db, app_id=app.id, app_name=app.name)
            await self._told(db, actor, AuditAction.MEMBER_ROLE_SET, app, user, before, role)
        return Member(app_id=app.id, user_id=user.id, email=user.email, role=role)

    async def remove(self, actor: Actor, app_name: str, *, email: str) -> App:
        """Take a member's place away."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.MEMBERS_CHANGE)
            user, before = await _member(db, app, email)
            await self._remove(db, actor, AuditAction.MEMBER_REMOVE, app, user, before)
        return app

    async def leave(self, actor: Actor, app_name: str) -> App:
        """Give up one's own place."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.APP_LEAVE)
            user, before = await _member(db, app, actor.user.email)
            await self._remove(db, actor, AuditAction.MEMBER_LEAVE, app, user, before)
        return app

    async def transfer(self, actor: Actor, app_name: str, *, email: str) -> App:
        """Make a user the only owner of an app; who owned it before stays as an editor.

        Raises `QuotaExceeded` too: the user need not have been a member.
        """
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.APP_TRANSFER)
            user = await _user(db, email)
            [present] = await apps.get_roles(db, user.id, [app.id])
            async with self._quotas.within(db, app, Quota.MEMBERS):
                if present is None:
                    await apps.add_member(db, app_id=app.id, user_id=user.id, role=AppRole.OWNER)
                else:
                    await members.set_role(db, app_id=app.id, user_id=user.id, role=AppRole.OWNER)
            demoted = await members.demote_owners(db, app_id=app.id, but=user.id)
            for former in demoted:
                await access.notify_access(db, former)
            await self._told(db, actor, AuditAction.APP_TRANSFER, app, user, present, AppRole.OWNER)
        return app

    async def _remove(
        self,
        db: PoolConnection,
        actor: Actor,
        action: AuditAction,
        app: App,
        user: User,
        before: AppRole,
    ) -> None:
        await members.remove_member(db, app_id=app.id, user_id=user.id)
        await members.require_owner(db, app_id=app.id, app_name=app.name)
        await self._told(db, actor, action, app, user, before, None)

    async def _told(
        self,
        db: PoolConnection,
        actor: Actor,
        action: AuditAction,
        app: App,
        user: User,
        before: AppRole | None,
        after: AppRole | None,
    ) -> None:
        """Write it down, and let every open subscription of the user be looked at."""
        await self._audit.record(
            db,
            actor,
            action,
            app=app,
            target=user.email,
            before=None if before is None else {"role": before.value},
            after=None if after is None else {"role": after.value},
        )
        await access.notify_access(db, user.id)


async def _user(db: PoolConnection, email: str) -> User:
    user = await users.find_user(db, normal_email(email))
    if user is None:
        raise NotFound(kind="user", name=email)
    return user


async def _member(db: PoolConnection, app: App, email: str) -> tuple[User, AppRole]:
    user = await users.find_user(db, normal_email(email))
    [role] = [None] if user is None else await apps.get_roles(db, user.id, [app.id])
    if user is None or role is None:
        raise NotFound(kind="member", name=email)
    return user, role
