"""Cluster nodes in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from picloud.domain.cluster_node import ClusterNode
from picloud.domain.isolation import NodeIsolation
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import get_many, list_page

_TRIES: Final = 10


async def register(
    db: Executor,
    *,
    id: UUID,
    name: str,
    started_at: datetime,
    isolation: NodeIsolation,
) -> int:
    """A node starts; returns its number: the one it has, else the next free one."""
    for _ in range(_TRIES - 1):
        try:
            return await _register(db, id, name, started_at, isolation)
        except asyncpg.UniqueViolationError:
            continue  # another node took this number at the same moment
    return await _register(db, id, name, started_at, isolation)


async def get_cluster_nodes(db: Executor, ids: Sequence[UUID]) -> list[ClusterNode | None]:
    """Nodes in the order of the ids."""
    return await get_many(db, "get_cluster_nodes", ids, _node)


async def list_cluster_nodes(db: Executor, request: PageRequest[int]) -> Page[ClusterNode]:
    """A page of the nodes."""
    return await list_page(db, "list_cluster_nodes", request, _node)


async def try_presence(db: Executor, lock: int, number: int) -> bool:
    """Hold the session lock that says this node lives; False while another session has it."""
    held: bool = await db.fetchval(SQL["try_presence"], lock, number)
    return held


async def _register(
    db: Executor, id: UUID, name: str, started_at: datetime, isolation: NodeIsolation
) -> int:
    number: int = await db.fetchval(
        SQL["register_cluster_node"], id, name, started_at, json.dumps(isolation.as_json())
    )
    return number


def _node(row: asyncpg.Record) -> ClusterNode:
    return ClusterNode(
        id=row["id"],
        number=row["number"],
        name=row["name"],
        started_at=row["started_at"],
        isolation=NodeIsolation.from_json(json.loads(row["isolation"])),
    )
