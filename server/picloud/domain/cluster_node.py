"""Cluster nodes: machines with an orchestrator and an executor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picloud.domain.isolation import NodeIsolation


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """One machine; its number is the first half of a record's place in a live tail."""

    id: UUID
    number: int
    name: str
    started_at: datetime
    isolation: NodeIsolation
