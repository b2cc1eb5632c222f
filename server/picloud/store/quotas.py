"""What apps have and may have, in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg

from picloud.domain.quota import Quota, Usage, megabytes
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many


async def hold_app(db: Executor, app_id: UUID) -> bool:
    """Hold an app against others that change what it has; False when it is gone."""
    return await db.fetchval(SQL["hold_app"], app_id) is not None


async def get_usage(db: Executor, app_ids: Sequence[UUID]) -> list[Usage | None]:
    """What each of these apps has, in the order of the ids."""
    return await get_many(db, "get_quota_usage", app_ids, _usage)


async def set_quotas(db: Executor, app_id: UUID, own: Mapping[Quota, int]) -> None:
    """Give an app quotas in place of the instance's."""
    text = json.dumps({quota.value: most for quota, most in own.items()})
    await db.execute(SQL["set_quotas"], app_id, text)


async def count_apps_of(db: Executor, user_id: UUID) -> int:
    """How many apps a user has created that are not purged."""
    count: int = await db.fetchval(SQL["count_apps_of"], user_id)
    return count


def _usage(row: asyncpg.Record) -> Usage:
    counted = {name: row[name] for name in row.keys() if name in list(Quota)}  # noqa: SIM118 - a record is no mapping
    own = json.loads(row["quotas"])
    return Usage(
        used={
            **{Quota(name): count for name, count in counted.items()},
            Quota.SOURCE_MB: megabytes(row["source_bytes"]),
        },
        own={quota: own[quota] for quota in Quota if quota in own},
    )
