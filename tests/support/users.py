"""Users of a running manager, logged in, with or without a place in an app."""

from __future__ import annotations

from picloud.manager.clock import utc_now
from support.manager import EMAIL, IDS, Client, RunningManager


async def a_user(manager: RunningManager, name: str, *, admin: bool = False) -> Client:
    """A user `{name}@example.org`, with the owner's password."""
    await manager.services.pool.execute(
        "INSERT INTO users (id, email, password_hash, role, created_at)"
        " SELECT $1, $2, password_hash, $3::text::instance_role, $4 FROM users WHERE email = $5",
        *(IDS.new(), f"{name}@example.org", "admin" if admin else "member", utc_now(), EMAIL),
    )
    return await manager.client.log_in(f"{name}@example.org")


async def a_member(manager: RunningManager, app: str, role: str, name: str = "") -> Client:
    """A user with a place in an app, named as the role unless told."""
    client = await a_user(manager, name or role)
    await manager.services.pool.execute(
        "INSERT INTO members (app_id, user_id, role)"
        " SELECT app.id, person.id, $3::text::app_role"
        " FROM apps AS app, users AS person WHERE app.name = $1 AND person.email = $2",
        *(app, f"{name or role}@example.org", role),
    )
    return client
