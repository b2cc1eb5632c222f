"""The door of every use case that changes an app."""

from __future__ import annotations

from uuid import UUID

from picloud.domain.app import App, AppRole, Permission, require
from picloud.domain.failures import NotFound
from picloud.domain.names import script_name_faults
from picloud.domain.user import Actor
from picloud.store import apps, scripts
from picloud.store.database import Executor


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
    _require_named(actor, role, permission, app, script_id)
    return app


def _require_named(
    actor: Actor,
    role: AppRole | None,
    permission: Permission,
    app: App,
    script_id: UUID | None,
) -> None:
    """As `require`; the answer names the app as the one for an unknown name does."""
    try:
        require(actor, role, permission, app_id=app.id, script_id=script_id)
    except NotFound as exc:
        raise NotFound(kind="app", name=app.name) from exc
