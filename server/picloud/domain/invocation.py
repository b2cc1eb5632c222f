"""Invocations: one run of one version, why it started and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from picloud.domain.fetch import Fetch


class TriggerKind(StrEnum):
    """Why a run starts."""

    HTTP = "http"
    SCHEDULE = "schedule"
    QUEUE = "queue"
    MANUAL = "manual"


class Outcome(StrEnum):
    """How a run ended."""

    OK = "ok"
    SCRIPT_ERROR = "script_error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    PLATFORM_ERROR = "platform_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The record of a finished run. `node_number` and `seq` are its place in its node's stream."""

    id: UUID
    node_number: int
    seq: int
    app_id: UUID
    script_id: UUID
    version_id: UUID
    trigger: TriggerKind
    outcome: Outcome
    method: str
    path: str
    status: int | None
    started_at: datetime
    duration_us: int
    queue_us: int
    cold: bool
    bytes_in: int
    bytes_out: int
    error_code: str | None
    error: str | None
    fetches: tuple[Fetch, ...]
