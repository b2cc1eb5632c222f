"""Scripts, versions and deployments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from picloud.domain.limits import Isolation, Limits
from picloud.domain.page import Page, PageRequest
from picloud.domain.script import Deployment, Script, Version
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_pages


async def add_script(db: Executor, script: Script) -> bool:
    """Store a script; False when the app has one of this name."""
    added = await db.fetchval(
        SQL["add_script"], script.id, script.app_id, script.name, script.created_at
    )
    return added is not None


async def lock_script(db: Executor, *, app_id: UUID, name: str) -> Script:
    """The script, held against other deployments of it until the transaction ends."""
    row = await db.fetchrow(SQL["lock_script"], app_id, name)
    if row is None:
        raise LookupError(name)
    return _script(row)


async def find_script(db: Executor, *, app_id: UUID, name: str) -> Script | None:
    """A script by name."""
    row = await db.fetchrow(SQL["find_script"], app_id, name)
    return None if row is None else _script(row)


async def get_scripts(db: Executor, ids: Sequence[UUID]) -> list[Script | None]:
    """Scripts in the order of the ids."""
    return await get_many(db, "get_scripts", ids, _script)


async def list_scripts(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[str], *, only: UUID | None = None
) -> list[Page[Script]]:
    """A page of each app's scripts, or of the only one that counts."""
    return await list_pages(db, "list_scripts", app_ids, request, _script, only)


async def add_version(db: Executor, version: Version, *, source: str) -> int:
    """Store the next version of a locked script and return the number it got."""
    number: int = await db.fetchval(
        SQL["add_version"],
        version.id,
        version.script_id,
        source,
        version.source_digest,
        version.filename,
        list(version.entry_points),
        version.kind,
        version.runtime,
        version.limits.to_json(),
        version.isolation,
        version.created_by,
        version.created_at,
    )
    return number


async def get_versions(db: Executor, ids: Sequence[UUID]) -> list[Version | None]:
    """Versions in the order of the ids."""
    return await get_many(db, "get_versions", ids, _version)


async def active_version(db: Executor, script: Script) -> Version | None:
    """The version that serves a script."""
    row = await db.fetchrow(SQL["active_version"], script.active_deployment_id)
    return None if row is None else _version(row)


async def get_sources(db: Executor, ids: Sequence[UUID]) -> list[str | None]:
    """Sources in the order of the versions' ids."""
    return await get_many(db, "get_sources", ids, lambda row: str(row["source"]))


async def list_versions(
    db: Executor, script_ids: Sequence[UUID], request: PageRequest[int]
) -> list[Page[Version]]:
    """A page of each script's versions."""
    return await list_pages(db, "list_versions", script_ids, request, _version)


async def add_deployment(db: Executor, deployment: Deployment) -> None:
    """Record a deployment and let it serve."""
    await db.execute(
        SQL["add_deployment"],
        deployment.id,
        deployment.script_id,
        deployment.version_id,
        deployment.created_by,
        deployment.created_at,
    )
    await db.execute(SQL["activate_deployment"], deployment.script_id, deployment.id)


async def get_deployments(db: Executor, ids: Sequence[UUID]) -> list[Deployment | None]:
    """Deployments in the order of the ids."""
    return await get_many(db, "get_deployments", ids, _deployment)


async def list_deployments(
    db: Executor, script_ids: Sequence[UUID], request: PageRequest[UUID]
) -> list[Page[Deployment]]:
    """A page of each script's deployments."""
    return await list_pages(db, "list_deployments", script_ids, request, _deployment)


def _script(row: asyncpg.Record) -> Script:
    return Script(
        id=row["id"],
        app_id=row["app_id"],
        name=row["name"],
        created_at=row["created_at"],
        active_deployment_id=row["active_deployment_id"],
    )


def _version(row: asyncpg.Record) -> Version:
    return Version(
        id=row["id"],
        script_id=row["script_id"],
        number=row["number"],
        source_digest=row["source_digest"],
        filename=row["filename"],
        entry_points=tuple(row["entry_points"]),
        kind=row["kind"],
        runtime=row["runtime"],
        limits=Limits.from_json(row["limits"]),
        isolation=Isolation(row["isolation"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _deployment(row: asyncpg.Record) -> Deployment:
    return Deployment(
        id=row["id"],
        script_id=row["script_id"],
        version_id=row["version_id"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )
