"""Versions and their files in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from picloud.domain.limits import Isolation, Limits
from picloud.domain.page import Page, PageRequest
from picloud.domain.script import Script, Version
from picloud.domain.source import Source
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_pages


@dataclass(frozen=True, slots=True)
class FileName:
    """A file of a version, without what is in it."""

    path: str
    size: int  # bytes


async def add_version(db: Executor, version: Version, *, source: Source) -> int:
    """Store the next version of a locked script and return the number it got."""
    number: int = await db.fetchval(
        SQL["add_version"],
        version.id,
        version.script_id,
        source.text,
        version.source_digest,
        version.filename,
        list(version.entry_points),
        version.kind,
        version.runtime,
        version.limits.to_json(),
        version.isolation,
        version.message,
        version.created_by,
        version.created_at,
    )
    if source.files:
        paths, contents = list(source.files.keys()), list(source.files.values())
        await db.execute(SQL["add_version_files"], version.id, paths, contents)
    return number


async def get_versions(db: Executor, ids: Sequence[UUID]) -> list[Version | None]:
    """Versions in the order of the ids."""
    return await get_many(db, "get_versions", ids, _version)


async def active_version(db: Executor, script: Script) -> Version | None:
    """The version that most requests of a script get."""
    row = await db.fetchrow(SQL["active_version"], script.active_deployment_id)
    return None if row is None else _version(row)


async def newest_version(db: Executor, script_id: UUID) -> Version | None:
    """The version with the highest number."""
    row = await db.fetchrow(SQL["newest_version"], script_id)
    return None if row is None else _version(row)


async def numbered_versions(
    db: Executor, script_id: UUID, numbers: Sequence[int]
) -> dict[int, Version]:
    """Those of the versions with these numbers that exist."""
    rows = await db.fetch(SQL["numbered_versions"], script_id, list(numbers))
    return {row["number"]: _version(row) for row in rows}


async def get_entries(db: Executor, ids: Sequence[UUID]) -> list[str | None]:
    """The texts of the entries in the order of the versions' ids."""
    return await get_many(db, "get_sources", ids, lambda row: str(row["source"]))


async def get_file_names(db: Executor, ids: Sequence[UUID]) -> list[list[FileName]]:
    """All files of each version, by path."""
    found: dict[UUID, list[FileName]] = {version_id: [] for version_id in ids}
    for row in await db.fetch(SQL["get_file_names"], list(ids)):
        found[row["version_id"]].append(FileName(row["path"], row["size"]))
    return [found[version_id] for version_id in ids]


async def get_sources(db: Executor, ids: Sequence[UUID]) -> list[Source | None]:
    """Whole sources in the order of the versions' ids."""
    files: dict[UUID, dict[str, bytes]] = {}
    for row in await db.fetch(SQL["get_file_contents"], list(ids)):
        files.setdefault(row["version_id"], {})[row["path"]] = row["content"]
    return await get_many(
        db,
        "get_sources",
        ids,
        lambda row: Source(row["filename"], row["source"], files.get(row["id"], {})),
    )


async def list_versions(
    db: Executor, script_ids: Sequence[UUID], request: PageRequest[int]
) -> list[Page[Version]]:
    """A page of each script's versions."""
    return await list_pages(db, "list_versions", script_ids, request, _version)


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
        message=row["message"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )
