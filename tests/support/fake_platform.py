"""A platform for the tests of `pic`: the real schema, answers the test chooses, real sockets.

Queries are executed by graphql-core against `schema.graphql` with `answers` as the root value, so
an operation the schema does not know fails as it would on a platform. Live tails play the
connections of `tails` one after the other.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import uvicorn
from graphql import build_schema, graphql_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

SCHEMA_FILE: Final = Path(__file__).parents[2] / "schema.graphql"
_OPEN: Final = ("sessionCreate", "invitationAccept", "passwordReset(")
TOKEN: Final = "pcs_" + "a" * 43


def record(number: int, text: str = "", level: str = "INFO", **more: Any) -> dict[str, Any]:
    """A log record as the schema shapes it."""
    return {
        "invocationId": "01890000-0000-7000-8000-000000000001",
        "number": number,
        "level": level,
        "stream": "STDOUT",
        "loggedAt": "2026-11-21T20:00:00.123456+00:00",
        "text": text or f"line {number}",
        "script": {"name": "hello"},
    } | more


def event(number: int) -> dict[str, Any]:
    """What a live tail sends for a record."""
    return {"logRecordAppended": {"cursor": f"c{number}", "logRecord": record(number)}}


class FakePlatform:
    """Serves inside a `with`; `url` is its address."""

    def __init__(self) -> None:
        self.reset()
        self._schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._application(), port=0, ws="websockets-sansio", lifespan="off", log_config=None
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="fake platform")

    def reset(self) -> None:
        """Forget every answer and everything seen."""
        self.answers: dict[str, Any] = {}
        self.endpoints: dict[str, Response] = {}
        self.requests: list[tuple[Request, bytes]] = []
        self.tails: list[list[Mapping[str, Any] | int]] = []
        self.subscribed: list[dict[str, Any]] = []
        self.graphql_answer: Response | None = None

    def __enter__(self) -> FakePlatform:
        started = threading.Event()
        startup = self._server.startup

        async def announce(*args: Any, **kwargs: Any) -> None:
            await startup(*args, **kwargs)
            started.set()

        self._server.startup = announce  # type: ignore[method-assign] # to wait without polling
        self._thread.start()
        assert started.wait(20)
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Where it listens."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/graphql", self._graphql, methods=["POST"]),
                WebSocketRoute("/graphql", self._tail),
                Route("/{path:path}", self._endpoint, methods=["GET", "POST", "PUT", "DELETE"]),
            ]
        )

    async def _graphql(self, request: Request) -> Response:
        self.requests.append((request, await request.body()))
        if self.graphql_answer is not None:
            return self.graphql_answer
        body = await request.json()
        document, variables = body["query"], body["variables"]
        opened = any(name in document for name in _OPEN)
        if not opened and request.headers.get("authorization") != f"Bearer {TOKEN}":
            error = {"message": "Log in first.", "extensions": {"code": "unauthenticated"}}
            return JSONResponse({"data": None, "errors": [error]})
        result = graphql_sync(self._schema, document, self.answers, variable_values=variables)
        return JSONResponse(result.formatted)

    async def _endpoint(self, request: Request) -> Response:
        self.requests.append((request, await request.body()))
        absent = PlainTextResponse("no such endpoint", status_code=404)
        return self.endpoints.get(request.url.path, absent)

    async def _tail(self, socket: WebSocket) -> None:
        await socket.accept("graphql-transport-ws")
        try:
            opening = await socket.receive_json()
            assert opening["type"] == "connection_init"
            if opening["payload"] != {"authorization": f"Bearer {TOKEN}"}:
                await socket.close(4403, "Forbidden")
                return
            await socket.send_json({"type": "connection_ack"})
            request = await socket.receive_json()
            self.subscribed.append(request["payload"]["variables"])
            await self._play(socket, request["id"])
        except (WebSocketDisconnect, json.JSONDecodeError):
            return

    async def _play(self, socket: WebSocket, id_: str) -> None:
        """Send the next connection's events; a number closes with that code, its end waits."""
        for step in self.tails.pop(0) if self.tails else []:
            if isinstance(step, int):
                await socket.close(step)
                return
            if "type" in step:
                await socket.send_json({"id": id_, **step})
            else:
                await socket.send_json({"id": id_, "type": "next", "payload": {"data": step}})
        while True:
            await socket.receive_text()
