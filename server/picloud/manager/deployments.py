"""Choosing among the versions there are: rolling back, promoting, splitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction, Details
from picloud.domain.deployment import (
    Deployment,
    DeploymentKind,
    Share,
    Target,
    heaviest_first,
    share_faults,
)
from picloud.domain.failures import FieldFault, InvalidInput, NotFound, require_valid
from picloud.domain.names import script_name_faults
from picloud.domain.script import Script
from picloud.domain.source import message_faults
from picloud.domain.user import Actor
from picloud.manager.access import app_for
from picloud.manager.activation import Activation
from picloud.manager.audit import Audit
from picloud.store import deployments, scripts, versions
from picloud.store.database import Pool, PoolConnection

MAX_NUMBER: Final = 2**31 - 1
_ACTIONS: Final = {
    DeploymentKind.ROLLBACK: AuditAction.SCRIPT_ROLLBACK,
    DeploymentKind.PROMOTE: AuditAction.SCRIPT_PROMOTE,
    DeploymentKind.SPLIT: AuditAction.SCRIPT_SPLIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """For which script somebody chooses, and what they say about it."""

    app: str
    script: str
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What serves now; `unchanged` says that it did already and nothing was recorded."""

    script: Script
    deployment: Deployment
    unchanged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A script that nobody else changes until the transaction ends."""

    app: App
    script: Script
    active: Deployment | None
    message: str | None

    @property
    def name(self) -> str:
        return f"{self.app.name}/{self.script.name}"


class Deployments:
    """What serves a script, chosen among its versions. All of it raises `NotFound` for what is not
    there, `PermissionDenied`, `InvalidInput`."""

    def __init__(self, *, pool: Pool, activation: Activation, audit: Audit) -> None:
        self._pool = pool
        self._activation = activation
        self._audit = audit

    async def roll_back(self, actor: Actor, choice: Choice, *, to: int | None) -> Chosen:
        """Let a version serve again: this one, or what served before."""
        app = await self._app(actor, choice)
        async with self._pool.acquire() as db, db.transaction():
            held = await self._hold(db, app, choice)
            if to is not None:
                [version_id] = await self._numbered(db, held, [to])
            else:
                version_id = await self._before(db, held.active)
            return await self._serve(
                db, actor, held, [Target(version_id)], kind=DeploymentKind.ROLLBACK
            )

    async def promote(self, actor: Actor, choice: Choice, *, number: int) -> Chosen:
        """Let an existing version get all requests."""
        app = await self._app(actor, choice)
        async with self._pool.acquire() as db, db.transaction():
            held = await self._hold(db, app, choice)
            [version_id] = await self._numbered(db, held, [number])
            return await self._serve(
                db, actor, held, [Target(version_id)], kind=DeploymentKind.PROMOTE
            )

    async def split(self, actor: Actor, choice: Choice, shares: Sequence[Share]) -> Chosen:
        """Share the requests among versions."""
        app = await self._app(actor, choice)
        require_valid(share_faults(shares))
        async with self._pool.acquire() as db, db.transaction():
            held = await self._hold(db, app, choice)
            ids = await self._numbered(db, held, [share.number for share in shares])
            targets = [Target(id, share.weight) for id, share in zip(ids, shares, strict=True)]
            return await self._serve(db, actor, held, targets, kind=DeploymentKind.SPLIT)

    async def _app(self, actor: Actor, choice: Choice) -> App:
        app = await app_for(
            self._pool, actor, choice.app, Permission.SCRIPT_DEPLOY, script=choice.script
        )
        require_valid(message_faults(choice.message))
        return app

    async def _hold(self, db: PoolConnection, app: App, choice: Choice) -> _Held:
        """The script, locked until the transaction ends, and what serves it."""
        name = f"{choice.app}/{choice.script}"
        if script_name_faults(choice.script):
            raise NotFound(kind="script", name=name)
        try:
            script = await scripts.lock_script(db, app_id=app.id, name=choice.script)
        except LookupError as exc:
            raise NotFound(kind="script", name=name) from exc
        active = None
        if script.active_deployment_id is not None:
            [active] = await deployments.get_deployments(db, [script.active_deployment_id])
        return _Held(app=app, script=script, active=active, message=choice.message)

    async def _numbered(
        self, db: PoolConnection, held: _Held, numbers: Sequence[int]
    ) -> list[UUID]:
        wanted = [number for number in numbers if 0 < number <= MAX_NUMBER]
        found = await versions.numbered_versions(db, held.script.id, wanted)
        for number in numbers:
            if number not in found:
                raise NotFound(kind="version", name=f"{number} of {held.name}")
        return [found[number].id for number in numbers]

    async def _before(self, db: PoolConnection, active: Deployment | None) -> UUID:
        found = None if active is None else await deployments.served_before(db, active)
        if found is None:
            raise InvalidInput(FieldFault("to", "must name a version: no other served before"))
        return found

    async def _serve(
        self,
        db: PoolConnection,
        actor: Actor,
        held: _Held,
        targets: Sequence[Target],
        *,
        kind: DeploymentKind,
    ) -> Chosen:
        script, active = held.script, held.active
        if active is not None and active.targets == heaviest_first(targets):
            return Chosen(script=script, deployment=active, unchanged=True)
        made = await self._activation.activate(
            db, actor, script, targets, kind=kind, message=held.message
        )
        await self._audit.record(
            db,
            actor,
            _ACTIONS[kind],
            app=held.app,
            target=held.name,
            before=await _details(db, active) if active else None,
            after=await _details(db, made),
        )
        return Chosen(script=replace(script, active_deployment_id=made.id), deployment=made)


async def _details(db: PoolConnection, deployment: Deployment) -> Details:
    """Who gets how many of a hundred requests, by the numbers of the versions."""
    ids = [target.version_id for target in deployment.targets]
    found = await versions.get_versions(db, ids)
    pairs = zip(found, deployment.targets, strict=True)
    return {"versions": {str(each.number): target.weight for each, target in pairs if each}}
