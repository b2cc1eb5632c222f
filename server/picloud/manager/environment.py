"""What an app gives to its scripts: changing env, secrets and egress policy.

A change is one transaction: it holds the app, raises its revision and tells the nodes, which
retire the sandboxes of the revision before.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction, Details
from picloud.domain.egress import EgressPolicy
from picloud.domain.environment import (
    EnvVariable,
    NamedValue,
    Secret,
    hint_of,
    name_faults,
    total_faults,
    value_faults,
)
from picloud.domain.failures import NotFound, require_valid
from picloud.domain.names import script_name_faults
from picloud.domain.quota import Quota
from picloud.domain.script import Script
from picloud.domain.user import Actor
from picloud.manager.access import app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.quotas import Quotas
from picloud.store import app_settings, env_variables, routing, scripts, secrets
from picloud.store.app_settings import Egress
from picloud.store.database import Pool, PoolConnection
from picloud.store.key_file import KeyFile, VaultError

logger = logging.getLogger(__name__)

CHANGE: Final = Permission.SETTINGS_CHANGE
VARIABLES = "variables"
SECRETS = "secrets"
NAMES = "names"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A change under way: the app is held until it ends."""

    db: PoolConnection
    app: App
    revision: int
    at: datetime
    script: Script | None
    owner_id: UUID  # the script's, else the app's


class Environment:
    """Env, secrets and egress policy of apps, for who may change them.

    Every method raises `NotFound`, `PermissionDenied` and `InvalidInput`; those that set something
    raise `QuotaExceeded`, too.
    """

    def __init__(
        self, *, pool: Pool, keys: KeyFile, quotas: Quotas, audit: Audit, clock: Clock
    ) -> None:
        self._audit = audit
        self._quotas = quotas
        self._pool = pool
        self._keys = keys
        self._clock = clock

    async def prepare_key(self) -> None:
        """Make the key of the secrets at the first start; a lost one is never replaced."""
        try:
            if await app_settings.sealing_key(self._pool) is None:
                self._keys.ensure()
            if (key_id := await app_settings.sealing_key(self._pool)) is not None:
                self._keys.key_of(key_id)
        except VaultError as error:
            logger.error("secrets cannot be used: %s", error)

    async def set_env(
        self,
        actor: Actor,
        app_name: str,
        values: Sequence[NamedValue],
        *,
        script: str | None = None,
    ) -> App:
        """Set env variables of an app or of one script, all of them or none."""
        app = await app_for(self._pool, actor, app_name, CHANGE, script=script)
        names = [each.name for each in values]
        require_valid(
            [*name_faults(names, place=VARIABLES), *value_faults(values, place=VARIABLES)]
        )
        async with self._changing(app, script, Quota.ENV_VARIABLES) as change:
            before = await env_variables.names_set(change.db, change.owner_id, names)
            for each in values:
                variable = EnvVariable(
                    app_id=app.id,
                    script_id=change.script.id if change.script else None,
                    name=each.name,
                    value=each.value,
                    updated_by=actor.user.id,
                    updated_at=change.at,
                )
                await env_variables.set_variable(change.db, variable)
            count, size = await env_variables.measure(change.db, change.owner_id)
            require_valid(total_faults(place=VARIABLES, count=count, size=size))
            await self._record(change, actor, AuditAction.ENV_SET, before, names)
        return app

    async def unset_env(
        self, actor: Actor, app_name: str, names: Sequence[str], *, script: str | None = None
    ) -> App:
        """Forget env variables, all of them or none."""
        app = await app_for(self._pool, actor, app_name, CHANGE, script=script)
        require_valid(name_faults(names, place=NAMES))
        async with self._changing(app, script) as change:
            gone = await env_variables.unset_variables(change.db, change.owner_id, names)
            _require_all(names, gone, kind="env variable")
            await self._record(change, actor, AuditAction.ENV_UNSET, names, [])
        return app

    async def set_secrets(
        self,
        actor: Actor,
        app_name: str,
        values: Sequence[NamedValue],
        *,
        script: str | None = None,
    ) -> App:
        """Set secrets of an app or of one script, all of them or none; raises `VaultError` too."""
        app = await app_for(self._pool, actor, app_name, CHANGE, script=script)
        names = [each.name for each in values]
        faults = value_faults(values, place=SECRETS, allow_empty=False)
        require_valid([*name_faults(names, place=SECRETS), *faults])
        async with self._changing(app, script, Quota.SECRETS) as change:
            before = await secrets.names_set(change.db, change.owner_id, names)
            vault = await secrets.vault_of(change.db, app.id, self._keys, now=change.at)
            for each in values:
                secret = Secret(
                    app_id=app.id,
                    script_id=change.script.id if change.script else None,
                    name=each.name,
                    hint=hint_of(each.value),
                    updated_by=actor.user.id,
                    updated_at=change.at,
                )
                await secrets.set_secret(
                    change.db, vault, secret, value=each.value, revision=change.revision
                )
            count, size = await secrets.measure(change.db, change.owner_id)
            require_valid(total_faults(place=SECRETS, count=count, size=size))
            await self._record(change, actor, AuditAction.SECRET_SET, before, names)
        return app

    async def unset_secrets(
        self, actor: Actor, app_name: str, names: Sequence[str], *, script: str | None = None
    ) -> App:
        """Forget secrets, all of them or none."""
        app = await app_for(self._pool, actor, app_name, CHANGE, script=script)
        require_valid(name_faults(names, place=NAMES))
        async with self._changing(app, script) as change:
            gone = await secrets.unset_secrets(change.db, change.owner_id, names)
            _require_all(names, gone, kind="secret")
            await self._record(change, actor, AuditAction.SECRET_UNSET, names, [])
        return app

    async def set_egress(
        self, actor: Actor, app_name: str, *, mode: str, allow: Sequence[str]
    ) -> App:
        """Say where the scripts of an app may connect to."""
        app = await app_for(self._pool, actor, app_name, CHANGE)
        policy = EgressPolicy.parse(mode, allow)
        async with self._changing(app) as change:
            [before] = await app_settings.get_egress(change.db, [app.id])
            egress = Egress(policy=policy, updated_by=actor.user.id, updated_at=change.at)
            await app_settings.set_egress(change.db, app.id, egress)
            await self._audit.record(
                change.db,
                actor,
                AuditAction.EGRESS_SET,
                app=app,
                target=app.name,
                before=_policy(before.policy) if before else None,
                after=_policy(policy),
            )
        return app

    async def _record(
        self,
        change: _Change,
        actor: Actor,
        action: AuditAction,
        before: Collection[str],
        after: Collection[str],
    ) -> None:
        """Record which names were and are set; values, of variables too, stay out of the log."""
        await self._audit.record(
            change.db,
            actor,
            action,
            app=change.app,
            target=f"{change.app.name}/{change.script.name}" if change.script else change.app.name,
            before={"names": sorted(before)} if before else None,
            after={"names": sorted(after)} if after else None,
        )

    @contextlib.asynccontextmanager
    async def _changing(
        self, app: App, script: str | None = None, *watched: Quota
    ) -> AsyncIterator[_Change]:
        async with (
            self._pool.acquire() as db,
            db.transaction(),
            self._quotas.within(db, app, *watched),
        ):
            revision = await app_settings.raise_revision(db, app.id)
            if revision is None:
                raise NotFound(kind="app", name=app.name)
            found = None if script is None else await _script(db, app, script)
            yield _Change(
                db=db,
                app=app,
                revision=revision,
                at=self._clock(),
                script=found,
                owner_id=found.id if found else app.id,
            )
            await routing.notify_routes(db)


def _policy(policy: EgressPolicy) -> Details:
    return {"mode": policy.mode, "allow": list(policy.allow)}


async def _script(db: PoolConnection, app: App, name: str) -> Script:
    script = None
    if not script_name_faults(name):
        script = await scripts.find_script(db, app_id=app.id, name=name)
    if script is None:
        raise NotFound(kind="script", name=f"{app.name}/{name}")
    return script


def _require_all(names: Sequence[str], found: set[str], *, kind: str) -> None:
    for name in names:
        if name not in found:
            raise NotFound(kind=kind, name=name)
