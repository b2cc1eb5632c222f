"""How a change of rights reaches who has something open or cached."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from picloud.store.database import Executor
from picloud.store.queries import SQL

CHANNEL: Final = "picloud_access"  # payload: the id of a user, session, token or app


async def notify_access(db: Executor, changed: UUID) -> None:
    """Say, in the transaction of the change, whose rights it changed."""
    await db.execute(SQL["notify_access"], changed)
