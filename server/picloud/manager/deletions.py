"""Deleting apps and scripts, and undoing it.

What is deleted is only marked: it serves no longer and nobody sees it, but nothing of it is lost
until it is purged (`purges`), so undoing restores everything.
"""

from __future__ import annotations

from collections.abc import Callable

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction
from picloud.domain.deletion import (
    DeletedApp,
    DeletedScript,
    Deletion,
    DeletionRules,
    confirm_faults,
)
from picloud.domain.failures import NotFound, require_valid
from picloud.domain.names import script_name_faults
from picloud.domain.quota import Quota
from picloud.domain.script import Script
from picloud.domain.user import Actor
from picloud.manager.access import find_restorable, held_app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.quotas import Quotas
from picloud.store import access, deletions, routing, scripts
from picloud.store.database import Pool


class Deletions:
    """What may be deleted and restored. `on_deletion` is called after each commit of a deletion.

    Every method raises `NotFound` and `PermissionDenied`.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        quotas: Quotas,
        rules: DeletionRules,
        audit: Audit,
        clock: Clock,
        on_deletion: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._quotas = quotas
        self._rules = rules
        self._audit = audit
        self._clock = clock
        self._on_deletion = on_deletion

    async def delete_app(self, actor: Actor, app_name: str, *, confirm: str) -> DeletedApp:
        """Delete an app; raises `InvalidInput` unless its name is repeated."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.APP_DELETE)
            require_valid(confirm_faults(confirm, name=app.name))
            deletion = self._deletion(actor)
            await deletions.delete_app(db, app.id, deletion)
            await routing.notify_routes(db)
            await access.notify_access(db, app.id)
            await self._audit.record(
                db, actor, AuditAction.APP_DELETE, app=app, target=app.name, after=_shown(deletion)
            )
        self._on_deletion()
        return DeletedApp(app=app, deletion=deletion)

    async def restore_app(self, actor: Actor, app_name: str) -> App:
        """Undo the deletion of an app: all of it is as it was."""
        async with self._pool.acquire() as db, db.transaction():
            found = await find_restorable(db, actor, app_name)
            if found is None or not await deletions.restore_app(db, found.app.id, self._clock()):
                raise NotFound(kind="deleted app", name=app_name)
            await routing.notify_routes(db)
            await access.notify_access(db, found.app.id)
            await self._audit.record(
                db, actor, AuditAction.APP_RESTORE, app=found.app, target=found.app.name
            )
        return found.app

    async def delete_script(
        self, actor: Actor, app_name: str, name: str, *, confirm: str
    ) -> DeletedScript:
        """Delete a script; raises `InvalidInput` unless its name is repeated."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.SCRIPT_DEPLOY, script=name)
            script = None
            if not script_name_faults(name):
                script = await scripts.find_script(db, app_id=app.id, name=name)
            if script is None:
                raise NotFound(kind="script", name=f"{app_name}/{name}")
            require_valid(confirm_faults(confirm, name=name))
            deletion = self._deletion(actor)
            await deletions.delete_script(db, script.id, deletion)
            await routing.notify_routes(db, script.id)
            await access.notify_access(db, app.id)
            await self._audit.record(
                db,
                actor,
                AuditAction.SCRIPT_DELETE,
                app=app,
                target=f"{app.name}/{name}",
                after=_shown(deletion),
            )
        self._on_deletion()
        return DeletedScript(script=script, deletion=deletion)

    async def restore_script(self, actor: Actor, app_name: str, name: str) -> Script:
        """Undo the deletion of a script; raises `QuotaExceeded` too."""
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(db, actor, app_name, Permission.SCRIPT_DEPLOY)
            found = None
            if not script_name_faults(name):
                found = await deletions.find_deleted_script(db, app_id=app.id, name=name)
            async with self._quotas.within(db, app, Quota.SCRIPTS):
                if found is None or not await deletions.restore_script(
                    db, found.script.id, self._clock()
                ):
                    raise NotFound(kind="deleted script", name=f"{app_name}/{name}")
            await routing.notify_routes(db, found.script.id)
            await self._audit.record(
                db, actor, AuditAction.SCRIPT_RESTORE, app=app, target=f"{app.name}/{name}"
            )
        return found.script

    def _deletion(self, actor: Actor) -> Deletion:
        now = self._clock()
        return Deletion(deleted_at=now, purge_at=now + self._rules.undo, deleted_by=actor.user.id)


def _shown(deletion: Deletion) -> dict[str, str]:
    return {"purge_at": deletion.purge_at.isoformat()}
