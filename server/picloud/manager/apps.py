"""Apps: creating and renaming one."""

from __future__ import annotations

from dataclasses import replace

from picloud.domain.app import (
    App,
    AppRole,
    InstancePermission,
    Permission,
    is_admin,
    require_on_instance,
)
from picloud.domain.audit import AuditAction
from picloud.domain.failures import FieldFault, InvalidInput, QuotaExceeded, require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.names import app_name_faults
from picloud.domain.quota import Quota
from picloud.domain.user import Actor
from picloud.manager.access import held_app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.quotas import Quotas
from picloud.store import app_names, app_settings, apps, quotas, routing
from picloud.store.database import Pool, PoolConnection

APPS_PER_USER = "max_apps_per_user"


class Apps:
    """What a user may do with apps as a whole. `max_per_user` may change at any time."""

    def __init__(
        self,
        *,
        pool: Pool,
        quotas: Quotas,
        max_per_user: int,
        audit: Audit,
        ids: IdMaker,
        clock: Clock,
    ) -> None:
        self.max_per_user = max_per_user
        self._pool = pool
        self._quotas = quotas
        self._audit = audit
        self._ids = ids
        self._clock = clock

    async def create(self, actor: Actor, *, name: str) -> App:
        """Create an app with the actor as its owner; raises `InvalidInput`, `NameTaken`.

        `PermissionDenied` is for tokens that are not for it, `QuotaExceeded` for who has created
        as many as a user may and is no admin.
        """
        require_on_instance(actor, InstancePermission.APP_CREATE)
        require_valid(app_name_faults(name))
        app = App(id=self._ids.new(), name=name, created_by=actor.user.id, created_at=self._clock())
        async with self._pool.acquire() as db, db.transaction():
            await app_names.claim_name(db, name, app_id=app.id, now=app.created_at)
            await self._require_room(db, actor)
            await apps.add_app(db, app)
            await apps.add_member(db, app_id=app.id, user_id=actor.user.id, role=AppRole.OWNER)
            await self._audit.record(
                db, actor, AuditAction.APP_CREATE, app=app, target=name, after={"name": name}
            )
        return app

    async def rename(self, actor: Actor, app_name: str, *, name: str) -> App:
        """Give an app another name; the one it has leads to it, and to no other app.

        Raises `NotFound`, `PermissionDenied`, `InvalidInput`, `NameTaken`, `QuotaExceeded`.
        """
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.APP_RENAME)
            require_valid(app_name_faults(name))
            if name == app.name:
                raise InvalidInput(FieldFault("name", f"is {name!r} already"))
            async with self._quotas.within(db, app, Quota.FORMER_NAMES):
                await app_names.rename_app(db, app, name, now=self._clock())
            # Scripts are told the name of their app when their sandbox is bound.
            await app_settings.raise_revision(db, app.id)
            await routing.notify_routes(db)
            await self._audit.record(
                db,
                actor,
                AuditAction.APP_RENAME,
                app=app,
                target=app.name,
                before={"name": app.name},
                after={"name": name},
            )
        return replace(app, name=name)

    async def _require_room(self, db: PoolConnection, actor: Actor) -> None:
        count = 1 + await quotas.count_apps_of(db, actor.user.id)
        if count > self.max_per_user and not is_admin(actor):
            raise QuotaExceeded(quota=APPS_PER_USER, limit=self.max_per_user, wanted=count)
