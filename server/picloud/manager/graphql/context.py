"""What a resolver may reach: the use cases, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.types.info import Info as StrawberryInfo

from picloud.domain.failures import Unauthenticated
from picloud.domain.user import Actor, Client
from picloud.manager.apps import Apps
from picloud.manager.deletions import Deletions
from picloud.manager.deployments import Deployments
from picloud.manager.deploys import Deploys
from picloud.manager.environment import Environment
from picloud.manager.identity import Identity
from picloud.manager.members import Members
from picloud.manager.people_reading import PeopleReading
from picloud.manager.people_services import PeopleServices
from picloud.manager.quotas import Quotas
from picloud.manager.reading import Reading
from picloud.manager.routes import Routes
from picloud.manager.tails import Hub
from picloud.manager.tokens import Tokens
from picloud.manager.urls import Urls
from picloud.store.database import Pool

if TYPE_CHECKING:
    from starlette.responses import Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases of this process."""

    pool: Pool
    identity: Identity
    people: PeopleServices
    apps: Apps
    members: Members
    quotas: Quotas
    deletions: Deletions
    deploys: Deploys
    deployments: Deployments
    environment: Environment
    routes: Routes
    tokens: Tokens
    hub: Hub
    urls: Urls


@dataclass(slots=True, kw_only=True)
class Context:
    """One HTTP request, or one websocket with its operations.

    `connection_params` is where the websocket protocol puts the payload of `connection_init`.
    """

    services: Services
    token: str | None
    client: Client
    secure: bool = False
    response: Response | None = None
    connection_params: dict[str, Any] | None = None
    actor: Actor | None = None
    readings: Reading | None = None

    async def identify(self) -> None:
        """Find out who asks, anew for each operation, and start reading afresh."""
        self.actor = await self.services.identity.identify(self.token, self.client)
        self.readings = None

    def require_actor(self) -> Actor:
        """Who asks; raises `Unauthenticated`."""
        if self.actor is None:
            raise Unauthenticated
        return self.actor

    def refresh(self) -> None:
        """Forget what was read, at the next item of a subscription."""
        self.readings = None

    @property
    def reading(self) -> Reading:
        """What who asks may read; raises `Unauthenticated`."""
        if self.readings is None:
            self.readings = Reading(
                pool=self.services.pool,
                actor=self.require_actor(),
                quotas=self.services.quotas.instance,
            )
        return self.readings

    @property
    def people(self) -> PeopleReading:
        """What who asks may read about people; raises `Unauthenticated`."""
        return PeopleReading(pool=self.services.pool, actor=self.require_actor())


Info = StrawberryInfo[Context, None]
ID = strawberry.ID
