"""Scripts and their immutable versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picloud.domain.limits import Isolation, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A named unit of an app that can be invoked."""

    id: UUID
    app_id: UUID
    name: str
    created_at: datetime
    active_deployment_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One immutable state of a script; its files are read on demand."""

    id: UUID
    script_id: UUID
    number: int
    source_digest: bytes
    filename: str
    entry_points: tuple[str, ...]
    kind: str
    runtime: str
    limits: Limits
    isolation: Isolation
    message: str | None  # what its author said about it
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a check in a sandbox found out about a source."""

    entry_points: tuple[str, ...]
    kind: str
    runtime: str
