"""Apps: creating one."""

from __future__ import annotations

from picloud.domain.app import App, AppRole, InstancePermission, require_on_instance
from picloud.domain.audit import AuditAction
from picloud.domain.failures import require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.names import app_name_faults
from picloud.domain.user import Actor
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.store import apps
from picloud.store.database import Pool


class Apps:
    """What a user may do with apps."""

    def __init__(self, *, pool: Pool, audit: Audit, ids: IdMaker, clock: Clock) -> None:
        self._audit = audit
        self._pool = pool
        self._ids = ids
        self._clock = clock

    async def create(self, actor: Actor, *, name: str) -> App:
        """Create an app with the actor as its owner; raises `InvalidInput`, `NameTaken`.

        `PermissionDenied` is for tokens that are not for it.
        """
        require_on_instance(actor, InstancePermission.APP_CREATE)
        require_valid(app_name_faults(name))
        app = App(id=self._ids.new(), name=name, created_by=actor.user.id, created_at=self._clock())
        async with self._pool.acquire() as db, db.transaction():
            await apps.add_app(db, app)
            await apps.add_member(db, app_id=app.id, user_id=actor.user.id, role=AppRole.OWNER)
            await self._audit.record(
                db, actor, AuditAction.APP_CREATE, app=app, target=name, after={"name": name}
            )
        return app
