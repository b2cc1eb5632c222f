"""GraphQL over HTTP and websocket, with the walls around it.

Only `POST` with JSON, one operation at a time, `GET` for queries, and `graphql-transport-ws`. A
browser must be on our own origin: scripts live on neighbouring ones. Whatever is refused before the
schema is asked gets a GraphQL error with a code too.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.unset import UNSET, UnsetType

from picloud.config import Settings
from picloud.errors import PiCloudError
from picloud.manager.client_address import client_of
from picloud.manager.graphql.context import Context, Services
from picloud.manager.graphql.cost import QueryLimits, QueryTooCostly
from picloud.manager.graphql.negotiation import JSON, PLAIN, RESPONSE, negotiate
from picloud.manager.graphql.schema import QUERY_TIMEOUT_MS, Schema
from picloud.manager.graphql.sockets import SocketHandler, SocketLimits, Sockets
from picloud.manager.session_cookie import bearer, is_secure, token_of

logger = logging.getLogger(__name__)

INIT_TIMEOUT: Final = timedelta(seconds=10)
OWN_SITE: Final = frozenset({"same-origin", "none"})
_STATUS: Final[Mapping[str, int]] = {
    **{code: error.status for code, error in PiCloudError.by_code.items()},
    "bad_request": 400,
    "internal": 500,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an operation and a websocket may ask."""

    query: QueryLimits = field(default_factory=QueryLimits)
    sockets: SocketLimits = field(default_factory=SocketLimits)
    timeout_ms: int = QUERY_TIMEOUT_MS

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """As the settings have them."""
        return cls(
            query=QueryLimits(
                max_query_cost=settings.max_query_cost, max_query_depth=settings.max_query_depth
            ),
            sockets=SocketLimits(
                max_sockets_per_user=settings.max_sockets_per_user,
                max_subscriptions_per_socket=settings.max_subscriptions_per_socket,
                max_subscriptions_per_user=settings.max_subscriptions_per_user,
            ),
            timeout_ms=settings.query_timeout_ms,
        )


class Refused(Exception):  # noqa: N818 - an answer rather than an error
    """The request is answered without asking the schema."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class GraphQLEndpoint(GraphQL[Context, None]):
    """The ASGI application at `/graphql`."""

    graphql_transport_ws_handler_class = SocketHandler

    def __init__(
        self, *, schema: Schema, services: Services, max_body: int, limits: Limits
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=INIT_TIMEOUT,
            max_subscriptions_per_connection=None,  # see `Sockets`
        )
        self._services = services
        self._max_body = max_body
        self.max_characters = limits.query.characters
        self.sockets = Sockets(limits.sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or websocket."""
        if scope["type"] != "http":
            await self._serve_socket(scope, receive, send)
            return
        request = Request(scope, self._limited(scope, receive))
        wanted = negotiate(request.headers.get("accept"))
        try:
            if wanted is None:
                said = f"Accept {RESPONSE} or {JSON}: there is nothing else."
                raise Refused(406, "not_acceptable", said)
            response = await self._answer(request)
        except Refused as refused:
            response = failure(refused.status, refused.code, str(refused))
        response.headers["content-type"] = (wanted or PLAIN).media_type
        await response(scope, receive, send)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.sockets.full:
            socket = WebSocket(scope, receive, send)
            said = "There are too many websockets; try again in a moment."
            await socket.send_denial_response(failure(503, "too_many_sockets", said))
            return
        await super().__call__(scope, receive, send)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """What the resolvers get."""
        secure = is_secure(request, public_url=self._services.urls.base)
        return Context(
            services=self._services,
            token=token_of(request, secure=secure),
            client=client_of(request),
            secure=secure,
            response=response if isinstance(response, Response) else None,
        )

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Let a websocket in that has a session."""
        params = context.connection_params or {}
        header = params.get("authorization", params.get("Authorization"))
        if header is not None:
            context.token = bearer(header)
        await context.identify()
        if context.actor is None:
            raise ConnectionRejectionError
        self.sockets.check_user(context.actor.user.id)
        nothing: UnsetType = UNSET
        return nothing

    def decode_json(self, data: str | bytes) -> dict[str, Any]:
        """Read what must be an object."""
        try:
            value = json.loads(data)
        except (RecursionError, UnicodeDecodeError) as exc:
            raise json.JSONDecodeError("not readable", "", 0) from exc
        if not isinstance(value, dict):
            raise json.JSONDecodeError("not an object", "", 0)
        return value

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Where resolvers put cookies; it also carries what was asked for to `create_response`."""
        response = await super().get_sub_response(request)
        wanted = negotiate(request.headers.get("accept")) or PLAIN
        response.media_type = JSON if wanted.always_200 else None
        return response

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """A query that was not executed has no `data`."""
        answer = await super().process_result(request, result)
        if isinstance(result, PreExecutionError):
            answer.pop("data", None)
        return answer

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        """A query that failed and got no data at all has the status of its first error."""
        response = super().create_response(response_data, sub_response)
        if isinstance(response_data, dict) and (errors := response_data.get("errors")):
            data = response_data.get("data") or {}
            if all(value is None for value in data.values()):
                status = _status(errors)
                refused = status == 400 and sub_response.media_type == JSON
                response.status_code = 200 if refused else status
        response.headers["cache-control"] = "no-store"
        return response

    async def _answer(self, request: Request) -> Response:
        check_origin(request)
        await self._check_request(request)
        try:
            return await self.run(request)
        except HTTPException as exc:
            return failure(exc.status_code, "bad_request", exc.reason)
        except Refused:
            raise
        except Exception as exc:
            incident = secrets.token_hex(8)
            logger.error("graphql failed", extra={"incident": incident}, exc_info=exc)
            message = f"Something went wrong on our side. The log has it as incident {incident}."
            return failure(500, "internal", message, incident=incident)

    async def _check_request(self, request: Request) -> None:
        if request.method == "GET":
            query = request.query_params.get("query", "")
            if not query:
                raise Refused(400, "bad_request", "Send a query, by POST as application/json.")
        elif request.method == "POST":
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise Refused(415, "bad_request", "Send the query as application/json.")
            query = self._query_of(await request.body())
        else:
            raise Refused(405, "bad_request", "Only GET and POST are understood.")
        if len(query) > self.max_characters:
            most = f"the limit is {self.max_characters} characters (characters)"
            message = f"The query is too long; {most}. Use variables for values."
            raise Refused(413, QueryTooCostly.code, message)

    def _query_of(self, body: bytes) -> str:
        try:
            value = self.decode_json(body)
        except json.JSONDecodeError as exc:
            message = "The body is not a JSON object. Send operations one by one."
            raise Refused(400, "bad_request", message) from exc
        query = value.get("query")
        if not isinstance(query, str):
            raise Refused(400, "bad_request", "The body has no text named query.")
        if not isinstance(value.get("operationName"), str | None):
            raise Refused(400, "bad_request", "operationName must be a text or null.")
        return query

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """Count the body; a length that is announced is refused before a byte is read."""
        message = f"The body is larger than the limit of {self._max_body} bytes."
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if announced.isdigit() and int(announced) > self._max_body:
                raise Refused(413, "body_too_large", message)
            part = await receive()
            seen += len(part.get("body", b""))
            if seen > self._max_body:
                raise Refused(413, "body_too_large", message)
            return part

        return counted


def check_origin(request: Request) -> None:
    """Keep other sites from using a browser's session; a bearer token is nobody's by accident."""
    if request.headers.get("authorization"):
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign = site is not None and site not in OWN_SITE
    if site is None and origin is not None:
        foreign = urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    if foreign:
        raise Refused(403, "cross_origin", "This page may not use the API: it is another origin.")


def failure(status: int, code: str, message: str, **more: str) -> Response:
    """A GraphQL answer that is nothing but an error."""
    error = {"message": message, "extensions": {"code": code, **more}}
    return Response(
        json.dumps({"errors": [error]}),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _status(errors: Sequence[Any]) -> int:
    code = (errors[0].get("extensions") or {}).get("code")
    return _STATUS.get(str(code), 400)
