"""The door of every use case that changes an app."""

from __future__ import annotations

from picloud.domain.app import App, Permission, may, require
from picloud.domain.deletion import DeletedApp
from picloud.domain.failures import NotFound
from picloud.domain.names import script_name_faults
from picloud.domain.user import Actor
from picloud.store import apps, deletions, quotas, scripts
from picloud.store.database import Executor, PoolConnection


async def app_for(
    db: Executor, actor: Actor, name: str, permission: Permission, *, script: str | None = None
) -> App:
    """The app of this name, for a change of it, or of the script of that name.

    Raises `NotFound` to who may not know the app, and `PermissionDenied`.
    """
    app = None if script_name_faults(name) else await apps.find_app(db, name)
    if app is None:
        raise NotFound(kind="app", name=name)
    [role] = await apps.get_roles(db, actor.user.id, [app.id])
    script_id = None
    if actor.token and actor.token.script_id and script is not None:
        found = await scripts.find_script(db, app_id=app.id, name=script)
        script_id = found.id if found else None
    try:
        require(actor, role, permission, app_id=app.id, script_id=script_id)
    except NotFound as exc:  # names what was asked for, as for an app that is not there
        raise NotFound(kind="app", name=name) from exc
    return app


async def held_app_for(
    db: PoolConnection,
    actor: Actor,
    name: str,
    permission: Permission,
    *,
    script: str | None = None,
) -> App:
    """As `app_for`, in a transaction: app and right stay as they are until its end."""
    app = await app_for(db, actor, name, permission, script=script)
    if not await quotas.hold_app(db, app.id):
        raise NotFound(kind="app", name=name)
    return await app_for(db, actor, name, permission, script=script)


async def find_restorable(db: Executor, actor: Actor, name: str) -> DeletedApp | None:
    """The deleted app of this name, None unless the actor may restore it."""
    found = None if script_name_faults(name) else await deletions.find_deleted_app(db, name)
    if found is None:
        return None
    app_id = found.app.id
    role = await deletions.role_in_deleted_app(db, user_id=actor.user.id, app_id=app_id)
    return found if may(actor, role, Permission.APP_DELETE, app_id=app_id) else None
