"""Deploying: a source becomes the next version of a script and, unless told otherwise, serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from picloud.domain.app import App, Permission
from picloud.domain.audit import AuditAction, Details
from picloud.domain.deployment import Deployment, DeploymentKind, Target
from picloud.domain.failures import FieldFault, require_valid
from picloud.domain.ids import IdMaker
from picloud.domain.limits import Isolation, Limits, limit_faults, resolve
from picloud.domain.names import script_name_faults
from picloud.domain.quota import Quota
from picloud.domain.route import Route
from picloud.domain.script import Script, SourceInfo, Version
from picloud.domain.source import (
    ENTRY,
    Source,
    SourceLimits,
    bundle_faults,
    message_faults,
    single_faults,
)
from picloud.domain.user import Actor
from picloud.manager.access import app_for, held_app_for
from picloud.manager.activation import Activation
from picloud.manager.audit import Audit
from picloud.manager.clock import Clock
from picloud.manager.quotas import Quotas
from picloud.manager.source_checks import SourceChecks
from picloud.store import deletions, deployments, routes, routing, scripts, versions
from picloud.store.database import Executor, Pool, PoolConnection

_WATCHED: Final = (Quota.SCRIPTS, Quota.SOURCE_MB, Quota.ROUTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployLimits:
    """What the settings say about sources and versions."""

    source: SourceLimits
    default: Limits
    ceilings: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What an author hands in: a text, or several files one of which is the entry.

    What it does not say of limits stays as it serves now.
    """

    app: str
    name: str
    text: str | None = None
    files: Sequence[tuple[str, bytes]] = ()
    filename: str | None = None
    message: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    isolation: Isolation | None = None
    reset_limits: bool = False  # begin with the instance's defaults
    activate: bool = True
    force: bool = False  # a new version even if nothing changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What became of an upload."""

    script: Script
    version: Version
    deployment: Deployment | None  # what serves now because of it, or did already
    created: bool = False  # the script is new
    new_version: bool = False
    unchanged: bool = False  # all of it was there before; nothing was stored


class Deploys:
    """Everything between an upload and a version that serves."""

    def __init__(
        self,
        *,
        pool: Pool,
        checks: SourceChecks,
        activation: Activation,
        quotas: Quotas,
        audit: Audit,
        ids: IdMaker,
        clock: Clock,
        limits: DeployLimits,
    ) -> None:
        self._pool = pool
        self._checks = checks
        self._activation = activation
        self._quotas = quotas
        self._audit = audit
        self._ids = ids
        self._clock = clock
        self._limits = limits

    async def deploy(self, actor: Actor, upload: Upload) -> Deployed:
        """Deploy a source.

        Raises `NotFound`, `PermissionDenied`, `InvalidInput`, `SourceRejected`, `NodeUnavailable`,
        `QuotaExceeded`; after any of them the version that served goes on serving. A script that
        was deleted is restored.
        """
        app = await app_for(
            self._pool, actor, upload.app, Permission.SCRIPT_DEPLOY, script=upload.name
        )
        source = self._source(upload)
        known = await scripts.find_script(self._pool, app_id=app.id, name=upload.name)
        if known is not None and (
            found := await self._unchanged(self._pool, known, upload, source)
        ):
            return found
        info = await self._checks.check(source)
        async with self._pool.acquire() as db, db.transaction():
            app = await held_app_for(
                db, actor, upload.app, Permission.SCRIPT_DEPLOY, script=upload.name
            )
            async with self._quotas.within(db, app, *_WATCHED):
                return await self._store(db, actor, app, upload, source, info)

    def _source(self, upload: Upload) -> Source:
        """The source of an upload; raises `InvalidInput` with every fault."""
        limits = self._limits.source
        name = f"{upload.name}.py" if upload.text is not None else ENTRY
        entry = name if upload.filename is None else upload.filename
        faults = script_name_faults(upload.name)
        if (upload.text is None) == (not upload.files):
            faults.append(FieldFault("source", "must be given, or files, and not both"))
        elif upload.text is not None:
            faults += single_faults(entry, upload.text, limits=limits)
        else:
            faults += bundle_faults(upload.files, entry=entry, limits=limits)
        faults += message_faults(upload.message)
        faults += limit_faults(upload.limits, ceilings=self._limits.ceilings)
        require_valid(faults)
        if upload.text is not None:
            return Source(entry, upload.text)
        files = dict(upload.files)
        return Source(entry, files.pop(entry).decode(), files)

    async def _unchanged(
        self, db: Executor, script: Script, upload: Upload, source: Source
    ) -> Deployed | None:
        """The answer to an upload of what is there already; None if there is something to do."""
        version = None if upload.force else await self._same(db, script, upload, source)
        if version is None:
            return None
        serves = await self._serving(db, script)
        if upload.activate and (serves is None or serves.sole_version_id != version.id):
            return None
        return Deployed(
            script=script,
            version=version,
            deployment=serves if upload.activate else None,
            unchanged=True,
        )

    async def _same(
        self, db: Executor, script: Script, upload: Upload, source: Source
    ) -> Version | None:
        """The version that serves, or the newest one, if it is just what is uploaded."""
        serves = await versions.active_version(db, script)
        newest = await versions.newest_version(db, script.id)
        wanted = (source.digest, source.filename, *self._settings(upload, serves))
        for version in (serves, newest):
            if version is None:
                continue
            has = (version.source_digest, version.filename, version.limits, version.isolation)
            if has == wanted:
                return version
        return None

    def _settings(self, upload: Upload, serves: Version | None) -> tuple[Limits, Isolation]:
        """Limits and isolation of an upload; what it leaves out is as of the one that serves."""
        before = None if upload.reset_limits else serves
        limits = resolve(
            upload.limits,
            base=before.limits if before else self._limits.default,
            ceilings=self._limits.ceilings,
        )
        return limits, upload.isolation or (before.isolation if before else Isolation.SANDBOX)

    async def _serving(self, db: Executor, script: Script) -> Deployment | None:
        if script.active_deployment_id is None:
            return None
        [deployment] = await deployments.get_deployments(db, [script.active_deployment_id])
        return deployment

    async def _store(
        self,
        db: PoolConnection,
        actor: Actor,
        app: App,
        upload: Upload,
        source: Source,
        info: SourceInfo,
    ) -> Deployed:
        script, created = await self._script(db, actor, app, upload.name)
        restored = not created and await deletions.restore_script(db, script.id, self._clock())
        if restored:
            await routing.notify_routes(db, script.id)
        # Somebody may have deployed the same meanwhile; the script is locked now.
        elif found := await self._unchanged(db, script, upload, source):
            return found
        serves = await versions.active_version(db, script)
        same = None if upload.force else await self._same(db, script, upload, source)
        version = same or await self._version(db, actor, script, upload, source, info)
        deployment = None
        if upload.activate:
            deployment = await self._activation.activate(
                db,
                actor,
                script,
                (Target(version.id),),
                kind=DeploymentKind.DEPLOY,
                message=upload.message,
            )
            script = replace(script, active_deployment_id=deployment.id)
        await self._audit.record(
            db,
            actor,
            AuditAction.SCRIPT_DEPLOY,
            app=app,
            target=f"{app.name}/{script.name}",
            before=_details(serves) if serves else None,
            after={**_details(version), "serves": upload.activate},
        )
        return Deployed(
            script=script,
            version=version,
            deployment=deployment,
            created=created,
            new_version=same is None,
        )

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
        source: Source,
        info: SourceInfo,
    ) -> Version:
        serves = await versions.active_version(db, script)
        limits, isolation = self._settings(upload, serves)
        # Ids and times are taken under the script's lock, so they sort as the numbers do.
        draft = Version(
            id=self._ids.new(),
            script_id=script.id,
            number=0,
            source_digest=source.digest,
            filename=source.filename,
            entry_points=info.entry_points,
            kind=info.kind,
            runtime=info.runtime,
            limits=limits,
            isolation=isolation,
            message=upload.message,
            created_by=actor.user.id,
            created_at=self._clock(),
        )
        return replace(draft, number=await versions.add_version(db, draft, source=source))


def _details(version: Version) -> Details:
    return {
        "version": version.number,
        "digest": version.source_digest.hex(),
        "isolation": version.isolation,
        "limits": asdict(version.limits),
    }
