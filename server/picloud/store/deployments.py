"""The history of what served, in PostgreSQL: in pages, and as a tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from picloud.domain.deployment import Deployment, DeploymentKind, Target
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.records import Feed
from picloud.store.rows import get_many, list_pages


@dataclass(frozen=True, slots=True)
class VersionCount:
    """How many of the newest invocations one version had."""

    version_id: UUID
    invocations: int
    failed: int


async def next_seq(db: Executor) -> int:
    """The place of the next deployment; others wait for theirs until this transaction ends."""
    seq: int = await db.fetchval(SQL["next_deployment_seq"])
    return seq


async def add_deployment(db: Executor, deployment: Deployment) -> None:
    """Record a deployment, let it serve, and tell who follows once it is committed."""
    await db.execute(
        SQL["add_deployment"],
        deployment.id,
        deployment.seq,
        deployment.app_id,
        deployment.script_id,
        [target.version_id for target in deployment.targets],
        [target.weight for target in deployment.targets],
        deployment.kind,
        deployment.previous_id,
        deployment.message,
        deployment.created_by,
        deployment.created_at,
    )
    await db.execute(SQL["activate_deployment"], deployment.script_id, deployment.id)
    await db.execute(SQL["announce_deployment"])


async def served_before(db: Executor, active: Deployment) -> UUID | None:
    """The version that served before a deployment's own began to; None when there was none."""
    found: UUID | None = await db.fetchval(
        SQL["served_before"], active.script_id, active.id, active.sole_version_id
    )
    return found


async def get_deployments(db: Executor, ids: Sequence[UUID]) -> list[Deployment | None]:
    """Deployments in the order of the ids."""
    return await get_many(db, "get_deployments", ids, _deployment)


async def list_deployments(
    db: Executor, script_ids: Sequence[UUID], request: PageRequest[UUID]
) -> list[Page[Deployment]]:
    """A page of each script's deployments."""
    return await list_pages(db, "list_deployments", script_ids, request, _deployment)


async def count_by_version(
    db: Executor, script_ids: Sequence[UUID], *, newest: int
) -> list[list[VersionCount]]:
    """How the newest invocations of each script fell on its versions."""
    found: dict[UUID, list[VersionCount]] = {script_id: [] for script_id in script_ids}
    for row in await db.fetch(SQL["count_by_version"], list(script_ids), newest):
        count = VersionCount(row["version_id"], row["invocations"], row["failed"])
        found[row["script_id"]].append(count)
    return [found[script_id] for script_id in script_ids]


def _deployment(row: asyncpg.Record) -> Deployment:
    shares = zip(row["version_ids"], row["weights"], strict=True)
    return Deployment(
        id=row["id"],
        seq=row["seq"],
        app_id=row["app_id"],
        script_id=row["script_id"],
        kind=DeploymentKind(row["kind"]),
        targets=tuple(Target(version_id, weight) for version_id, weight in shares),
        previous_id=row["previous_id"],
        message=row["message"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


DEPLOYMENTS: Final = Feed("read_new_deployments", "deployment_position", _deployment)
