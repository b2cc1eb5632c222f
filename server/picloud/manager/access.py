"""The door of every use case that changes an app."""

from __future__ import annotations

from picloud.domain.app import App, Permission, may, require
from picloud.domain.failures import NotFound
from picloud.domain.names import script_name_faults
from picloud.domain.user import Actor
from picloud.store import apps
from picloud.store.database import Executor


async def app_for(db: Executor, actor: Actor, name: str, permission: Permission) -> App:
    """The app of this name; raises `NotFound` to who may not know it, `PermissionDenied`."""
    app = None if script_name_faults(name) else await apps.find_app(db, name)
    if app is None:
        raise NotFound(kind="app", name=name)
    [role] = await apps.get_roles(db, actor.user.id, [app.id])
    if not may(actor, role, Permission.APP_READ):
        raise NotFound(kind="app", name=name)
    require(actor, role, permission)
    return app
