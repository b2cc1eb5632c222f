"""Deployments: the history of what served a script, and how requests are shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from picloud.domain.failures import FieldFault

ALL: Final = 100  # what the weights of a deployment add up to
MAX_TARGETS: Final = 10


class DeploymentKind(StrEnum):
    """What was done."""

    DEPLOY = "deploy"  # a source was uploaded
    ROLLBACK = "rollback"  # what served before serves again
    PROMOTE = "promote"  # a version that was there already was chosen
    SPLIT = "split"  # several versions share the requests


@dataclass(frozen=True, slots=True)
class Target:
    """A version and how many of a hundred requests it gets."""

    version_id: UUID
    weight: int = ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """From then on these versions serve this script.

    `seq` is its place among all deployments of the instance, in the order of their commits.
    """

    id: UUID
    seq: int
    app_id: UUID
    script_id: UUID
    kind: DeploymentKind
    targets: tuple[Target, ...]  # the heaviest first
    previous_id: UUID | None  # what served until then
    message: str | None
    created_by: UUID | None
    created_at: datetime

    @property
    def version_id(self) -> UUID:
        """The version that most requests get."""
        return self.targets[0].version_id

    @property
    def sole_version_id(self) -> UUID | None:
        """The version that serves alone; None when several do."""
        return self.version_id if len(self.targets) == 1 else None

    @property
    def node_number(self) -> int:
        """Deployments are one stream, whoever writes them."""
        return 0


@dataclass(frozen=True, slots=True)
class Share:
    """What somebody asks for a version, by its number."""

    number: int
    weight: int


def share_faults(shares: Sequence[Share]) -> list[FieldFault]:
    """What is wrong with a split."""
    field = "targets"
    if not 2 <= len(shares) <= MAX_TARGETS:
        return [FieldFault(field, f"must be 2 to {MAX_TARGETS} versions; promote a single one")]
    if len({share.number for share in shares}) < len(shares):
        return [FieldFault(field, "have the same version twice")]
    if any(not 1 <= share.weight < ALL for share in shares):
        return [FieldFault(field, f"must have weights from 1 to {ALL - 1}")]
    if (total := sum(share.weight for share in shares)) != ALL:
        return [FieldFault(field, f"have weights that add up to {total} and not to {ALL}")]
    return []


def heaviest_first(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Targets in the order in which a deployment keeps them."""
    return tuple(sorted(targets, key=lambda target: (-target.weight, target.version_id)))
