"""Making, changing and removing routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from picloud.domain import endpoint
from picloud.domain.endpoint import Cors, EndpointAuth, Guard, RateLimit
from picloud.domain.failures import NotFound
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import AuthKind, HmacScheme, RatePer
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RouteTakenError,
)
from picloud.manager.graphql.nodes import decode_id
from picloud.manager.graphql.routes import RouteView
from picloud.manager.graphql.scripts import AppView
from picloud.manager.routes import NewRoute, RouteChange

_METHOD = "`GET`, `POST` …; null: any. A route for GET answers HEAD too."
_PATTERN = "Such as `/hello`, `/users/{id}` or `/files/{path...}`; not below `/.picloud`."


@strawberry.input(description="Who may call a route.")
class EndpointAuthInput:
    """The auth it is to have."""

    kind: AuthKind = strawberry.field(description="Which kind of callers.")
    user: str | None = strawberry.field(default=None, description="For `BASIC`: the user name.")
    secret: str | None = strawberry.field(
        default=None,
        description="For `BASIC` and `HMAC`: the name of the app's secret that is the password or "
        "the key.",
    )
    scheme: HmacScheme | None = strawberry.field(
        default=None, description="For `HMAC`: whose way of signing."
    )
    window_seconds: int = strawberry.field(
        default=endpoint.DEFAULT_WINDOW,
        description="For `HMAC`: how far the time of a signature may be from now, 1 to 3600 "
        "seconds. GitHub signs no time.",
    )
    keep_header: bool = strawberry.field(
        default=False,
        description="For `TOKEN` and `BASIC`: let the script see the `Authorization` header.",
    )

    def value(self) -> EndpointAuth:
        """As the domain has it."""
        scheme = None if self.scheme is None else endpoint.HmacScheme[self.scheme.name]
        return EndpointAuth(
            kind=endpoint.AuthKind[self.kind.name],
            user=self.user,
            secret=self.secret,
            scheme=scheme,
            window_seconds=self.window_seconds,
            keep_header=self.keep_header,
        )


@strawberry.input(description="Which pages of other origins may call a route.")
class CorsInput:
    """The rules it is to have."""

    origins: list[str] = strawberry.field(
        description="Such as `https://example.com`; or `*` alone, for all."
    )
    credentials: bool = strawberry.field(
        default=False, description="Whether pages may send cookies; not with `*`."
    )
    allow_headers: list[str] = strawberry.field(
        default_factory=list, description="Headers pages may send; empty: those they ask for."
    )
    expose_headers: list[str] = strawberry.field(
        default_factory=list, description="Headers pages may read."
    )
    max_age_seconds: int = strawberry.field(
        default=600, description="For how long a browser need not ask again, 0 to 86400 seconds."
    )

    def value(self) -> Cors:
        """As the domain has it."""
        return Cors(
            origins=tuple(self.origins),
            credentials=self.credentials,
            allow_headers=tuple(self.allow_headers),
            expose_headers=tuple(self.expose_headers),
            max_age_seconds=self.max_age_seconds,
        )


@strawberry.input(description="So many requests in so much time, per node.")
class RateLimitInput:
    """A limit."""

    requests: int = strawberry.field(description="How many, 1 to 1000000.")
    seconds: int = strawberry.field(default=1, description="In how many seconds, 1 to 86400.")
    per: RatePer = strawberry.field(default=RatePer.ALL, description="Whose requests are counted.")


@strawberry.input(description="A new route.")
class RouteCreateInput:
    """What it is to be."""

    app: str = strawberry.field(description="The app's name.")
    script: str = strawberry.field(description="The name of the script it leads to.")
    pattern: str = strawberry.field(description=_PATTERN)
    method: str | None = strawberry.field(default=None, description=_METHOD)
    auth: EndpointAuthInput | None = strawberry.field(
        default=None, description="Who may call it; left out: everybody."
    )
    cors: CorsInput | None = strawberry.field(
        default=None,
        description="Which pages of other origins may call it; left out: what its script says.",
    )
    rate_limits: list[RateLimitInput] = strawberry.field(
        default_factory=list, description="How often it may be called; at most 4 limits."
    )


@strawberry.input(description="What is to be different of a route; what is left out stays.")
class RouteUpdateInput:
    """Which route, and what."""

    id: strawberry.ID = strawberry.field(description="The route's id.")
    script: str | None = strawberry.field(
        default=None, description="The name of the script it is to lead to."
    )
    pattern: str | None = strawberry.field(default=None, description=_PATTERN)
    method: str | None = strawberry.field(default=strawberry.UNSET, description=_METHOD)
    auth: EndpointAuthInput | None = strawberry.field(
        default=None, description="Who may call it; replaces what was said before."
    )
    cors: CorsInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="Which pages of other origins may call it; null: what its script says.",
    )
    rate_limits: list[RateLimitInput] | None = strawberry.field(
        default=None, description="How often it may be called; replaces all limits before."
    )

    def change(self) -> RouteChange:
        """What was not left out."""
        change = RouteChange()
        if self.script is not None:
            change["script"] = self.script
        if self.pattern is not None:
            change["pattern"] = self.pattern
        if self.method is not strawberry.UNSET:
            change["method"] = self.method
        if self.auth is not None:
            change["auth"] = self.auth.value()
        if self.cors is not strawberry.UNSET:
            change["cors"] = None if self.cors is None else self.cors.value()
        if self.rate_limits is not None:
            change["rate_limits"] = _rates(self.rate_limits)
        return change


@strawberry.input(description="A route to remove.")
class RouteDeleteInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The route's id.")


@strawberry.input(description="Limits for all routes of an app together.")
class AppRateLimitsSetInput:
    """Of which app, and what."""

    app: str = strawberry.field(description="The app's name.")
    rate_limits: list[RateLimitInput] = strawberry.field(
        description="At most 4; they replace all limits before. Empty: none."
    )


@strawberry.type(description="The route serves, on every node within a second.")
class RouteCreateSuccess:
    """A new route."""

    route: RouteView = strawberry.field(description="The route.")


@strawberry.type(description="The route serves as it is now, on every node within a second.")
class RouteUpdateSuccess:
    """A changed route."""

    route: RouteView = strawberry.field(description="The route.")


@strawberry.type(description="The route is gone.")
class RouteDeleteSuccess:
    """The end of a route."""

    id: strawberry.ID = strawberry.field(description="The id it had.")
    method: str | None = strawberry.field(description="The method it was for; null: any.")
    pattern: str = strawberry.field(description="The pattern it had.")


@strawberry.type(description="The limits hold.")
class AppRateLimitsSetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


RouteCreatePayload = Annotated[
    RouteCreateSuccess
    | NotFoundError
    | PermissionDeniedError
    | InvalidInputError
    | RouteTakenError
    | QuotaExceededError,
    strawberry.union("RouteCreatePayload", description="What came of making a route."),
]
RouteUpdatePayload = Annotated[
    RouteUpdateSuccess
    | NotFoundError
    | PermissionDeniedError
    | InvalidInputError
    | RouteTakenError,
    strawberry.union("RouteUpdatePayload", description="What came of changing a route."),
]
RouteDeletePayload = Annotated[
    RouteDeleteSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("RouteDeletePayload", description="What came of removing a route."),
]
AppRateLimitsSetPayload = Annotated[
    AppRateLimitsSetSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("AppRateLimitsSetPayload", description="What came of limiting an app."),
]


@strawberry.type
class RouteMutation:
    """One field for each change."""

    @fields.mutation(description="Lead requests to a script.")
    async def route_create(
        self,
        info: Info,
        input: Annotated[RouteCreateInput, strawberry.argument(description="The route.")],
    ) -> RouteCreatePayload:
        """Make a route."""
        new = NewRoute(
            app=input.app,
            script=input.script,
            method=input.method,
            pattern=input.pattern,
            guard=Guard(
                auth=EndpointAuth() if input.auth is None else input.auth.value(),
                cors=None if input.cors is None else input.cors.value(),
                rate_limits=_rates(input.rate_limits),
            ),
        )
        route = await info.context.services.routes.create(info.context.require_actor(), new)
        return RouteCreateSuccess(route=RouteView.of(route))

    @fields.mutation(description="Lead a route elsewhere, or guard it otherwise.")
    async def route_update(
        self,
        info: Info,
        input: Annotated[RouteUpdateInput, strawberry.argument(description="The change.")],
    ) -> RouteUpdatePayload:
        """Change a route."""
        actor = info.context.require_actor()
        route_id = _route_id(input.id)
        route = await info.context.services.routes.update(actor, route_id, input.change())
        return RouteUpdateSuccess(route=RouteView.of(route))

    @fields.mutation(
        description="Remove a route. A script without one can't be called by its address."
    )
    async def route_delete(
        self,
        info: Info,
        input: Annotated[RouteDeleteInput, strawberry.argument(description="The route.")],
    ) -> RouteDeletePayload:
        """Remove a route."""
        actor = info.context.require_actor()
        route = await info.context.services.routes.delete(actor, _route_id(input.id))
        return RouteDeleteSuccess(id=input.id, method=route.method, pattern=route.pattern)

    @fields.mutation(description="Limit all routes of an app together.")
    async def app_rate_limits_set(
        self,
        info: Info,
        input: Annotated[AppRateLimitsSetInput, strawberry.argument(description="The limits.")],
    ) -> AppRateLimitsSetPayload:
        """Limit an app."""
        actor = info.context.require_actor()
        app = await info.context.services.routes.limit_app(
            actor, input.app, _rates(input.rate_limits)
        )
        return AppRateLimitsSetSuccess(app=AppView(app=app))


def _rates(inputs: Sequence[RateLimitInput]) -> tuple[RateLimit, ...]:
    return tuple(
        RateLimit(requests=each.requests, seconds=each.seconds, per=endpoint.RatePer[each.per.name])
        for each in inputs
    )


def _route_id(text: str) -> UUID:
    match decode_id(text):
        case ("Route", key):
            return key
        case _:
            raise NotFound(kind="route")
