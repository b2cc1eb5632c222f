"""The manager's ASGI application: `/graphql`, the playground, an issuer's log-in, health checks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from picloud.manager import links, playground
from picloud.manager.graphql.context import Services
from picloud.manager.graphql.schema import make_schema
from picloud.manager.graphql.view import GraphQLEndpoint, Limits
from picloud.manager.oidc_endpoints import OidcEndpoints
from picloud.store.database import DATABASE_LOST, Pool

logger = logging.getLogger(__name__)

READY_TIMEOUT: Final = 2.0  # seconds


class GraphQLOrPlayground:
    """One address for programs and for people."""

    def __init__(self, endpoint: GraphQLEndpoint, directory: Path) -> None:
        self._endpoint = endpoint
        self._directory = directory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A browser that asks for a page gets the playground."""
        app: ASGIApp = self._endpoint
        if scope["type"] == "http" and playground.wants_page(Request(scope)):
            app = playground.page(self._directory)
        await app(scope, receive, send)


def make_app(
    *, services: Services, playground_dir: Path, max_upload: int, limits: Limits | None = None
) -> Starlette:
    """Put the application together; an upload has at most so many bytes as JSON."""
    limits = limits or Limits()
    max_body = max_upload + 131_072  # there is a query around it
    schema = make_schema(limits.query, timeout_ms=limits.timeout_ms)
    endpoint = GraphQLEndpoint(schema=schema, services=services, max_body=max_body, limits=limits)
    graphql = GraphQLOrPlayground(endpoint, playground_dir)
    assets = playground.Assets(directory=playground_dir / "assets", check_dir=False)
    return Starlette(
        routes=[
            Route("/", _home),
            Route("/healthz", _alive),
            Route("/readyz", _ready(services.pool)),
            WebSocketRoute("/graphql", endpoint),
            Route("/graphql", graphql, methods=None),
            Mount("/graphql/assets", assets),
            *OidcEndpoints(services.people.single_sign_on, public_url=services.urls.base).routes(),
            *links.routes(),
        ]
    )


async def _home(_request: Request) -> Response:
    return RedirectResponse("/graphql")


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _ready(pool: Pool) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_request: Request) -> Response:
        try:
            await pool.fetchval("SELECT 1", timeout=READY_TIMEOUT)
        except DATABASE_LOST as exc:
            logger.warning("the database does not answer", extra={"reason": repr(exc)})
            return JSONResponse({"status": "database unavailable"}, status_code=503)
        return JSONResponse({"status": "ok"})

    return ready
