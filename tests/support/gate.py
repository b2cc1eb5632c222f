"""A node with guarded routes, and the people, tokens and sessions that call them."""

from __future__ import annotations

import hashlib
import secrets as randomness
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from picloud.domain.app import AppRole
from picloud.domain.endpoint import Guard, RateLimit
from picloud.domain.environment import Secret
from picloud.domain.ids import IdMaker
from picloud.domain.session import SESSION_PREFIX, LogInMethod, Session
from picloud.domain.token import new_token
from picloud.domain.user import InstanceRole, Scope, User
from picloud.store import access, app_settings, apps, routes, routing, secrets, sessions, users
from picloud.store.key_file import KeyFile
from support.node import NodeProcess

WHO = """
def handler(request):
    auth = request.auth
    return {
        "auth": None if auth is None else [auth.kind, auth.subject, auth.id],
        "authorization": request.headers.get("authorization"),
        "token": request.headers.get("picloud-token"),
        "cookies": sorted(request.cookies),
        "said": request.headers.get("picloud-auth"),
        "client": request.client_ip,
        "size": len(request.body),
    }
"""


@dataclass(frozen=True, slots=True)
class Gated:
    """A node, the key of its secrets, and the app `demo`."""

    node: NodeProcess
    key: Path

    async def route(
        self, script: str, guard: Guard, source: str = WHO, method: str | None = None
    ) -> UUID:
        """A script behind a guard; returns the app's id."""
        await self.node.deploy(script, source, method=method)
        app_id: UUID = await self.node.pool.fetchval("SELECT id FROM apps WHERE name = 'demo'")
        async with self.node.pool.acquire() as db, db.transaction():
            [found] = await routes.routes_of_apps(db, [app_id])
            [route] = [each for each in found if each.pattern == f"/{script}"]
            await routes.change_route(db, replace(route, guard=guard))
            await routing.notify_routes(db)
        await self.node.settle()
        return app_id

    async def limit_app(self, app_id: UUID, *limits: RateLimit) -> None:
        """Limits of all routes together."""
        async with self.node.pool.acquire() as db, db.transaction():
            await routes.set_app_rate_limits(db, app_id, limits)
            await routing.notify_routes(db)
        await self.node.settle()

    async def secret(self, app_id: UUID, name: str, value: str) -> None:
        """Give a secret a value."""
        keys = KeyFile(self.key)
        keys.ensure()
        now = datetime.now(UTC)
        async with self.node.pool.acquire() as db, db.transaction():
            revision = await app_settings.raise_revision(db, app_id)
            assert revision is not None
            vault = await secrets.vault_of(db, app_id, keys, now=now)
            secret = Secret(
                app_id=app_id, script_id=None, name=name, hint=None, updated_by=None, updated_at=now
            )
            await secrets.set_secret(db, vault, secret, value=value, revision=revision)
            await routing.notify_routes(db)
        await self.node.settle()

    async def user(self, app_id: UUID, role: AppRole | None, *, admin: bool = False) -> User:
        """Somebody with this place in the app."""
        ids = IdMaker()
        user = User(
            id=ids.new(),
            email=f"{randomness.token_hex(4)}@example.com",
            role=InstanceRole.ADMIN if admin else InstanceRole.MEMBER,
            created_at=datetime.now(UTC),
        )
        await users.add_user(self.node.pool, user, password_hash="x")
        if role is not None:
            await apps.add_member(self.node.pool, app_id=app_id, user_id=user.id, role=role)
        return user

    async def token(
        self,
        user: User,
        scopes: Collection[Scope],
        *,
        app_id: UUID | None = None,
        script_id: UUID | None = None,
        lifetime: timedelta | None = None,
    ) -> str:
        """An API token of theirs."""
        token, now = new_token(), datetime.now(UTC)
        await self.node.pool.execute(
            "INSERT INTO tokens (id, user_id, name, token_hash, scopes, app_id, script_id, "
            "created_at, expires_at) VALUES ($1, $2, $3, $4, $5::text[]::token_scope[], $6, $7, "
            "$8, $9)",
            IdMaker().new(),
            user.id,
            randomness.token_hex(4),
            hashlib.sha256(token.encode()).digest(),
            [scope.value for scope in scopes],
            app_id,
            script_id,
            now,
            None if lifetime is None else now + lifetime,
        )
        return token

    async def revoke(self, token: str) -> None:
        """End a token, as the manager does."""
        async with self.node.pool.acquire() as db, db.transaction():
            token_id: UUID = await db.fetchval(
                "UPDATE tokens SET revoked_at = now() WHERE token_hash = $1 RETURNING id",
                hashlib.sha256(token.encode()).digest(),
            )
            await access.notify_access(db, token_id)

    async def session(self, user: User) -> str:
        """A browser's log-in."""
        token, now = SESSION_PREFIX + randomness.token_urlsafe(32), datetime.now(UTC)
        session = Session(
            id=IdMaker().new(),
            user_id=user.id,
            method=LogInMethod.PASSWORD,
            address="192.0.2.1",
            agent="tests",
            created_at=now,
            used_at=now,
            expires_at=now + timedelta(hours=1),
        )
        digest = hashlib.sha256(token.encode()).digest()
        await sessions.add_session(self.node.pool, session, token_hash=digest)
        return token
