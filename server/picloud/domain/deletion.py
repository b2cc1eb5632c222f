"""What was deleted and may come back until it is purged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from picloud.domain.app import App
from picloud.domain.failures import FieldFault
from picloud.domain.script import Script

CONFIRM: Final = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """When something was deleted, by whom, and until when that can be undone."""

    deleted_at: datetime
    purge_at: datetime
    deleted_by: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedApp:
    """An app on its way out."""

    app: App
    deletion: Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedScript:
    """A script on its way out."""

    script: Script
    deletion: Deletion


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRules:
    """What the settings say: how long an undo is possible, and how long a name then rests."""

    undo: timedelta
    name_rest: timedelta


def confirm_faults(given: str, *, name: str) -> list[FieldFault]:
    """Whether the name was repeated to confirm a deletion."""
    if given == name:
        return []
    return [FieldFault(CONFIRM, f"must repeat the name, {name!r}")]
