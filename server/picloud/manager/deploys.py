"""Deploying: a source becomes the next version of a script and serves at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction, Details
from picloud.domain.failures import require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.limits import Isolation, Limits, limit_faults, resolve
from picloud.domain.names import script_name_faults
from picloud.domain.route import Route
from picloud.domain.script import (
    Deployment,
    Script,
    SourceInfo,
    Version,
    digest,
    filename_faults,
    source_faults,
)
from picloud.domain.user import Actor
from picloud.manager.access import app_for
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.source_checks import SourceChecks
from picloud.store import routes, routing, scripts
from picloud.store.database import Pool, PoolConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployLimits:
    """What the settings say about sources and versions."""

    source_bytes: int
    default: Limits
    ceilings: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What an author hands in. What it does not say of limits stays as it serves now."""

    app: str
    name: str
    source: str
    filename: str
    limits: Mapping[str, int] = field(default_factory=dict)
    isolation: Isolation | None = None
    reset_limits: bool = False  # begin with the instance's defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a deploy made; `created` says that the script is new."""

    script: Script
    version: Version
    deployment: Deployment
    created: bool


class Deploys:
    """Everything between an upload and a version that serves."""

    def __init__(
        self,
        *,
        pool: Pool,
        checks: SourceChecks,
        audit: Audit,
        ids: IdMaker,
        clock: Clock,
        limits: DeployLimits,
    ) -> None:
        self._pool = pool
        self._checks = checks
        self._audit = audit
        self._ids = ids
        self._clock = clock
        self._limits = limits

    async def deploy(self, actor: Actor, upload: Upload) -> Deployed:
        """Deploy a source.

        Raises `NotFound`, `PermissionDenied`, `InvalidInput`, `SourceRejected`, `NodeUnavailable`;
        after any of them the version that served goes on serving.
        """
        app = await app_for(
            self._pool, actor, upload.app, Permission.SCRIPT_DEPLOY, script=upload.name
        )
        require_valid(
            [
                *script_name_faults(upload.name),
                *filename_faults(upload.filename),
                *source_faults(upload.source, limit=self._limits.source_bytes),
                *limit_faults(upload.limits, ceilings=self._limits.ceilings),
            ]
        )
        info = await self._checks.check(source=upload.source, filename=upload.filename)
        async with self._pool.acquire() as db, db.transaction():
            return await self._store(db, actor, app, upload, info)

    async def _store(
        self, db: PoolConnection, actor: Actor, app: App, upload: Upload, info: SourceInfo
    ) -> Deployed:
        script, created = await self._script(db, actor, app, upload.name)
        # Ids and times are taken under the script's lock, so they sort as the numbers do.
        before = await scripts.active_version(db, script)
        version = await self._version(
            db, actor, script, upload, info, None if upload.reset_limits else before
        )
        deployment = Deployment(
            id=self._ids.new(),
            script_id=script.id,
            version_id=version.id,
            created_by=actor.user.id,
            created_at=version.created_at,
        )
        await scripts.add_deployment(db, deployment)
        await routing.notify_routes(db, script.id)
        await self._audit.record(
            db,
            actor,
            AuditAction.SCRIPT_DEPLOY,
            app=app,
            target=f"{app.name}/{script.name}",
            before=_serving(before) if before else None,
            after=_serving(version),
        )
        script = replace(script, active_deployment_id=deployment.id)
        return Deployed(script=script, version=version, deployment=deployment, created=created)

    async def _script(
        self, db: PoolConnection, actor: Actor, app: App, name: str
    ) -> tuple[Script, bool]:
        now = self._clock()
        script = Script(
            id=self._ids.new(), app_id=app.id, name=name, created_at=now, active_deployment_id=None
        )
        created = await scripts.add_script(db, script)
        if created:
            route = Route(
                id=self._ids.new(),
                app_id=app.id,
                script_id=script.id,
                method=None,
                pattern=f"/{name}",
                created_by=actor.user.id,
                created_at=now,
            )
            await routes.add_route(db, route)  # its address may lead to another script already
        return await scripts.lock_script(db, app_id=app.id, name=name), created

    async def _version(
        self,
        db: PoolConnection,
        actor: Actor,
        script: Script,
        upload: Upload,
        info: SourceInfo,
        before: Version | None,
    ) -> Version:
        draft = Version(
            id=self._ids.new(),
            script_id=script.id,
            number=0,
            source_digest=digest(upload.source),
            filename=upload.filename,
            entry_points=info.entry_points,
            kind=info.kind,
            runtime=info.runtime,
            limits=resolve(
                upload.limits,
                base=before.limits if before else self._limits.default,
                ceilings=self._limits.ceilings,
            ),
            isolation=upload.isolation or (before.isolation if before else Isolation.SANDBOX),
            created_by=actor.user.id,
            created_at=self._clock(),
        )
        return replace(draft, number=await scripts.add_version(db, draft, source=upload.source))


def _serving(version: Version) -> Details:
    return {
        "version": version.number,
        "digest": version.source_digest.hex(),
        "isolation": version.isolation,
        "limits": asdict(version.limits),
    }
