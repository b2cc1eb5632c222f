"""API tokens: minting and revoking. None can do more than who minted it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picloud.domain.app import (
    App,
    InstancePermission,
    Permission,
    may_on_instance,
    require,
    require_on_instance,
)
from picloud.domain.audit import AuditAction, Details
from picloud.domain.failures import (
    FieldFault,
    NotFound,
    QuotaExceeded,
    Unauthenticated,
    require_valid,
)
from picloud.domain.ids import IdMaker
from picloud.domain.names import script_name_faults
from picloud.domain.quota import Quota
from picloud.domain.script import Script
from picloud.domain.token import (
    MAX_TOKENS,
    Token,
    expiry_faults,
    name_faults,
    new_token,
    scope_faults,
)
from picloud.domain.user import Actor, Scope
from picloud.manager.access import app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.identity import secret_hash
from picloud.manager.quotas import Quotas
from picloud.store import access, apps, scripts, tokens
from picloud.store.database import Executor, Pool

TOKENS_PER_USER = "max_tokens_per_user"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a new token is to be: for one app or all, for one script of it or all."""

    name: str
    scopes: frozenset[Scope]
    app: str | None = None
    script: str | None = None
    expires_at: datetime | None = None  # None: never, or with the token that mints it


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A new token; `secret` is what a program sends, and is shown this once."""

    secret: str
    token: Token


class Tokens:
    """What a user may do with tokens."""

    def __init__(
        self, *, pool: Pool, quotas: Quotas, audit: Audit, ids: IdMaker, clock: Clock
    ) -> None:
        self._pool = pool
        self._quotas = quotas
        self._audit = audit
        self._ids = ids
        self._clock = clock

    async def mint(self, actor: Actor, wanted: TokenRequest) -> Minted:
        """Make a token of the actor's.

        It acts with the roles its user has whenever it is used, narrowed by its scopes and its app
        or script. Raises `PermissionDenied`, `InvalidInput`, `NotFound`, `NameTaken`,
        `QuotaExceeded`.
        """
        app, script = await self._place(actor, wanted)
        require_on_instance(actor, InstancePermission.ACCOUNT_CHANGE)
        now = self._clock()
        minter = actor.token
        require_valid(
            [
                *name_faults(wanted.name),
                *scope_faults(wanted.scopes, minter),
                *expiry_faults(wanted.expires_at, now=now, minter=minter),
                *_place_faults(wanted),
            ]
        )
        token = Token(
            id=self._ids.new(),
            user_id=actor.user.id,
            name=wanted.name,
            scopes=wanted.scopes,
            app_id=app.id if app else None,
            script_id=script.id if script else None,
            minted_by=minter.id if minter else None,
            created_at=now,
            expires_at=wanted.expires_at,
            last_used_at=None,
        )
        secret = new_token()
        async with self._pool.acquire() as db, db.transaction():
            await self._hold(db, actor)
            async with contextlib.AsyncExitStack() as stack:
                if app is not None:
                    await stack.enter_async_context(self._quotas.within(db, app, Quota.TOKENS))
                await tokens.add_token(db, token, token_hash=secret_hash(secret))
            await self._audit.record(
                db,
                actor,
                AuditAction.TOKEN_CREATE,
                app=app,
                target=token.name,
                after=_details(token, script),
            )
        return Minted(secret=secret, token=token)

    async def revoke(self, actor: Actor, token_id: UUID) -> datetime:
        """End a token and all that were minted with it, everywhere; returns when.

        Raises `NotFound`, `PermissionDenied`.
        """
        [token] = await tokens.get_tokens(self._pool, [token_id])
        if token is None:
            raise NotFound(kind="token")
        await self._require_revoke(actor, token)
        now = self._clock()
        [app] = await apps.get_apps(self._pool, [token.app_id]) if token.app_id else [None]
        async with self._pool.acquire() as db, db.transaction():
            ended = await tokens.revoke_token(db, token.id, now)
            if not ended:
                raise NotFound(kind="token")
            for each in ended:
                await access.notify_access(db, each.id)
            also = sorted(each.name for each in ended if each.id != token.id)
            await self._audit.record(
                db,
                actor,
                AuditAction.TOKEN_REVOKE,
                app=app,
                target=token.name,
                before={"id": str(token.id), **({"minted": also} if also else {})},
            )
        return now

    async def _require_revoke(self, actor: Actor, token: Token) -> None:
        if actor.credential.id == token.id or may_on_instance(
            actor, InstancePermission.USERS_MANAGE
        ):
            return
        if actor.user.id == token.user_id:
            require_on_instance(actor, InstancePermission.ACCOUNT_CHANGE)
            return
        if token.app_id is None:
            raise NotFound(kind="token")
        [role] = await apps.get_roles(self._pool, actor.user.id, [token.app_id])
        try:
            require(actor, role, Permission.TOKENS_MANAGE, app_id=token.app_id)
        except NotFound as exc:
            raise NotFound(kind="token") from exc

    async def _place(self, actor: Actor, wanted: TokenRequest) -> tuple[App | None, Script | None]:
        """The app and script a token is for; the actor must know them."""
        if wanted.app is None:
            return None, None
        app = await app_for(self._pool, actor, wanted.app, Permission.APP_READ)
        if wanted.script is None:
            return app, None
        script = None
        if not script_name_faults(wanted.script):
            script = await scripts.find_script(self._pool, app_id=app.id, name=wanted.script)
        if script is None:
            raise NotFound(kind="script", name=f"{wanted.app}/{wanted.script}")
        return app, script

    async def _hold(self, db: Executor, actor: Actor) -> None:
        """Let nobody mint for this user meanwhile, nor revoke the token that mints."""
        count = 1 + await tokens.hold_tokens(db, actor.user.id)
        if count > MAX_TOKENS:
            raise QuotaExceeded(quota=TOKENS_PER_USER, limit=MAX_TOKENS, wanted=count)
        if actor.token and not await tokens.hold_token(db, actor.token.id):
            raise Unauthenticated


def _place_faults(wanted: TokenRequest) -> list[FieldFault]:
    if wanted.script is not None and wanted.app is None:
        return [FieldFault("script", "needs the app it belongs to")]
    return []


def _details(token: Token, script: Script | None) -> Details:
    return {
        "id": str(token.id),
        "scopes": sorted(token.scopes),
        "script": script.name if script else None,
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
    }
