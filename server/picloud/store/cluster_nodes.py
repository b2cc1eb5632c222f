"""Cluster nodes: their numbers and their presence."""

from __future__ import annotations

import json

from picloud.domain.cluster_node import ClusterNode
from picloud.store.database import Executor
from picloud.store.queries import SQL


async def register(db: Executor, node: ClusterNode) -> int:
    """A node starts: its number, new or the one it had. May raise UniqueViolationError: again."""
    number: int = await db.fetchval(
        SQL["register_cluster_node"],
        node.id,
        node.name,
        node.started_at,
        json.dumps(node.isolation),
    )
    return number


async def try_presence(db: Executor, lock: int, number: int) -> bool:
    """Hold the session lock that says this node lives; False while another session has it."""
    held: bool = await db.fetchval(SQL["try_presence"], lock, number)
    return held
