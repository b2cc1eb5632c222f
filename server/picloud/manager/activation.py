"""Letting versions serve: the one way in which a deployment comes into being."""

from __future__ import annotations

from collections.abc import Sequence

from picloud.domain.deployment import Deployment, DeploymentKind, Target, heaviest_first
from picloud.domain.ids import IdMaker
from picloud.domain.script import Script
from picloud.domain.user import Actor
from picloud.manager.clock import Clock
from picloud.store import deployments, routing
from picloud.store.database import PoolConnection


class Activation:
    """Records deployments of scripts that the caller's transaction has locked."""

    def __init__(self, *, ids: IdMaker, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock

    async def activate(
        self,
        db: PoolConnection,
        actor: Actor,
        script: Script,
        targets: Sequence[Target],
        *,
        kind: DeploymentKind,
        message: str | None,
    ) -> Deployment:
        """Let these versions serve; nodes and followers hear it when the transaction commits."""
        deployment = Deployment(
            id=self._ids.new(),
            seq=await deployments.next_seq(db),
            app_id=script.app_id,
            script_id=script.id,
            kind=kind,
            targets=heaviest_first(targets),
            previous_id=script.active_deployment_id,
            message=message,
            created_by=actor.user.id,
            created_at=self._clock(),
        )
        await deployments.add_deployment(db, deployment)
        await routing.notify_routes(db, script.id)
        return deployment
