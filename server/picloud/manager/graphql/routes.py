"""Routes and what stands before their scripts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from picloud.domain.endpoint import Cors, EndpointAuth, RateLimit
from picloud.domain.failures import NotFound
from picloud.domain.route import Overlap, Route
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import AuthKind, HmacScheme, RatePer
from picloud.manager.graphql.nodes import Node
from picloud.manager.graphql.people import UserView, author_of

if TYPE_CHECKING:
    from picloud.manager.graphql.scripts import ScriptView

_Script = Annotated["ScriptView", strawberry.lazy("picloud.manager.graphql.scripts")]


@strawberry.type(name="EndpointAuth", description="Who may call a route.")
class EndpointAuthView:
    """The auth of a route."""

    auth: strawberry.Private[EndpointAuth]

    @fields.field(description="Which kind of callers.")
    def kind(self) -> AuthKind:
        """The kind."""
        return AuthKind[self.auth.kind.name]

    @fields.field(description="The user name of the kind `BASIC`, else null.")
    def user(self) -> str | None:
        """The user."""
        return self.auth.user

    @fields.field(
        description="The name of the app's secret that is the password (`BASIC`) or the key "
        "(`HMAC`), else null."
    )
    def secret(self) -> str | None:
        """The secret's name."""
        return self.auth.secret

    @fields.field(description="Whose way of signing, for the kind `HMAC`, else null.")
    def scheme(self) -> HmacScheme | None:
        """The scheme."""
        return None if self.auth.scheme is None else HmacScheme[self.auth.scheme.name]

    @fields.field(description="How far the time of a signature may be from now, in seconds.")
    def window_seconds(self) -> int:
        """The window."""
        return self.auth.window_seconds

    @fields.field(
        description="Whether scripts see the `Authorization` header that was checked; usually not."
    )
    def keep_header(self) -> bool:
        """Whether it stays."""
        return self.auth.keep_header


@strawberry.type(name="Cors", description="Which pages of other origins may call a route.")
class CorsView:
    """The CORS rules of a route."""

    cors: strawberry.Private[Cors]

    @fields.field(description="The origins, or `*` alone for all.")
    def origins(self) -> list[str]:
        """As browsers spell them."""
        return list(self.cors.origins)

    @fields.field(description="Whether pages may send cookies.")
    def credentials(self) -> bool:
        """Never with `*`."""
        return self.cors.credentials

    @fields.field(description="The headers a page may send; empty: those it asks for.")
    def allow_headers(self) -> list[str]:
        """Names."""
        return list(self.cors.allow_headers)

    @fields.field(
        description="The headers a page may read besides the simple ones and "
        "`picloud-invocation-id`."
    )
    def expose_headers(self) -> list[str]:
        """Names."""
        return list(self.cors.expose_headers)

    @fields.field(description="For how many seconds a browser need not ask again.")
    def max_age_seconds(self) -> int:
        """Seconds."""
        return self.cors.max_age_seconds


@strawberry.type(name="RateLimit", description="So many requests in so much time, per node.")
class RateLimitView:
    """A rate limit."""

    limit: strawberry.Private[RateLimit]

    @fields.field(description="How many; so many may come at once.")
    def requests(self) -> int:
        """Requests."""
        return self.limit.requests

    @fields.field(description="In how many seconds.")
    def seconds(self) -> int:
        """Seconds."""
        return self.limit.seconds

    @fields.field(description="Whose requests are counted.")
    def per(self) -> RatePer:
        """All or each client."""
        return RatePer[self.limit.per.name]


@strawberry.type(name="RouteOverlap", description="A route that takes some requests of another.")
class RouteOverlapView:
    """An overlap."""

    overlap: strawberry.Private[Overlap]

    @fields.field(description="The route that is asked first.")
    def route(self) -> RouteView:
        """It wins."""
        return RouteView(route=self.overlap.route)

    @fields.field(description="A path that both patterns match.")
    def path(self) -> str:
        """An example."""
        return self.overlap.path


@strawberry.type(name="Route", description="Method and path pattern that lead to a script.")
class RouteView(Node):
    """A route."""

    route: strawberry.Private[Route]

    @classmethod
    def of(cls, route: Route) -> RouteView:
        """The view of a route."""
        return cls(route=route)

    def key(self) -> UUID:
        """The route's id."""
        return self.route.id

    @fields.field(description="The method; null: any. A route for GET answers HEAD too.")
    def method(self) -> str | None:
        """The method."""
        return self.route.method

    @fields.field(description="`/exact`, `/{param}`, `/{rest...}`, within the app.")
    def pattern(self) -> str:
        """The pattern."""
        return self.route.pattern

    @fields.field(description="Where the route answers, with the pattern as it is.")
    async def url(self, info: Info) -> str:
        """The address."""
        app = await info.context.reading.app(self.route.app_id)
        if app is None:
            raise NotFound(kind="app")
        return info.context.services.urls.route(app.name, self.route.pattern)

    @fields.field(description="The script it leads to.")
    async def script(self, info: Info) -> _Script:
        """The script."""
        from picloud.manager.graphql.scripts import script_of

        return await script_of(info, self.route.script_id)

    @fields.field(description="Who may call it.")
    def auth(self) -> EndpointAuthView:
        """The auth."""
        return EndpointAuthView(auth=self.route.guard.auth)

    @fields.field(
        description="Which pages of other origins may call it; null: what its script says."
    )
    def cors(self) -> CorsView | None:
        """The CORS rules."""
        cors = self.route.guard.cors
        return None if cors is None else CorsView(cors=cors)

    @fields.field(description="How often it may be called; empty: as the app's limits allow.")
    def rate_limits(self) -> list[RateLimitView]:
        """The limits."""
        return [RateLimitView(limit=limit) for limit in self.route.guard.rate_limits]

    @fields.field(
        description="The app's routes that are asked before this one and match some of its paths: "
        "exact text wins over `{param}`, and that over `{rest...}`, from the left."
    )
    async def shadowed_by(self, info: Info) -> list[RouteOverlapView]:
        """The overlaps that it loses."""
        overlaps = await info.context.reading.asked_before(self.route)
        return [RouteOverlapView(overlap=overlap) for overlap in overlaps]

    @fields.field(description="When it was made.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.route.created_at

    @fields.field(description="By whom; null if that user is gone.")
    async def created_by(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.route.created_by)

    @fields.field(description="When it was changed last; null: never.")
    def updated_at(self) -> datetime | None:
        """The moment."""
        return self.route.updated_at
