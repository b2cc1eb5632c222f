"""A manager on a real database and a real socket, with a client that speaks to it as users do."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import websockets

from picloud.config import Settings
from picloud.config_values import Secret
from picloud.domain.ids import IdMaker
from picloud.manager.app import make_app
from picloud.manager.compose import open_manager
from picloud.manager.graphql.context import Services
from picloud.manager.graphql.view import Limits
from picloud.serve import QuietServer, make_config
from picloud.store import checks, records
from picloud.store.database import Pool, connect

EMAIL = "owner@example.org"
PASSWORD = "correct horse battery"
IDS = IdMaker()

LOG_IN = """
mutation ($email: String!, $password: String!) {
  sessionCreate(input: {email: $email, password: $password}) {
    __typename
    ... on SessionCreateSuccess { token expiresAt user { email role } }
    ... on Error { code message }
  }
}
"""
CREATE_APP = """
mutation ($name: String!) {
  appCreate(input: {name: $name}) {
    __typename
    ... on AppCreateSuccess { app { id name url } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""
DEPLOY = """
mutation ($input: ScriptDeployInput!) {
  scriptDeploy(input: $input) {
    __typename
    ... on ScriptDeploySuccess {
      created
      script { id name url app { name } activeVersion { number } routes { method pattern url } }
      version {
        id number digest filename source entryPoints kind runtime createdBy { email }
        isolation limits { timeoutMs cpuMs memoryMb concurrency ratePerSecond }
      }
      deployment { id version { number } createdBy { email } }
    }
    ... on InvalidInputError { fields { field message } }
    ... on SourceRejectedError { line column text }
    ... on Error { code message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    response: httpx.Response

    @property
    def data(self) -> Any:
        """The data of an answer without errors."""
        body = self.response.json()
        assert "errors" not in body, body
        return body["data"]

    @property
    def codes(self) -> list[str]:
        """The codes of the top-level errors."""
        return [error["extensions"]["code"] for error in self.response.json()["errors"]]


@dataclass(slots=True)
class Client:
    """A user's program."""

    socket: Path
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One HTTP request."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.request(method, path, timeout=30, **options)

    async def ask(self, query: str, **variables: Any) -> Answer:
        """One GraphQL operation over HTTP."""
        headers = dict(self.headers)
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        headers.setdefault("content-type", "application/json")
        # ASCII only, so that half a surrogate pair gets through.
        body = json.dumps({"query": query, "variables": variables})
        return Answer(await self.send("POST", "/graphql", content=body, headers=headers))

    async def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> Client:
        """A client of a logged-in user."""
        answer = await self.ask(LOG_IN, email=email, password=password)
        return Client(self.socket, answer.data["sessionCreate"]["token"])

    async def deploy(self, app: str, name: str, source: str | None = "x = 1", **more: Any) -> Any:
        """Deploy and return the payload."""
        upload = {"app": app, "name": name, "source": source, **more}
        return (await self.ask(DEPLOY, input=upload)).data["scriptDeploy"]

    @contextlib.asynccontextmanager
    async def websocket(
        self, *, init: dict[str, Any] | None = None, **options: Any
    ) -> AsyncIterator[websockets.ClientConnection]:
        """A websocket that is past `connection_init`."""
        options.setdefault("subprotocols", ["graphql-transport-ws"])
        async with websockets.unix_connect(
            str(self.socket), uri="ws://localhost/graphql", **options
        ) as socket:
            payload = init if init is not None else {"authorization": f"Bearer {self.token}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            yield socket

    @contextlib.asynccontextmanager
    async def follow(self, query: str, **variables: Any) -> AsyncIterator[Tail]:
        """A subscription."""
        async with self.websocket() as socket:
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            yield Tail(socket)


@dataclass(frozen=True, slots=True)
class Tail:
    """The items of a subscription."""

    socket: websockets.ClientConnection

    async def message(self) -> Any:
        """The next protocol message, pings aside."""
        async with asyncio.timeout(20):
            while (found := json.loads(await self.socket.recv()))["type"] in ("ping", "pong"):
                continue
            return found

    async def item(self) -> Any:
        """The next item; the subscription's only field."""
        found = await self.message()
        assert found["type"] == "next", found
        assert "errors" not in found["payload"], found
        [value] = found["payload"]["data"].values()
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningManager:
    """A manager that serves."""

    client: Client
    services: Services
    server: QuietServer
    url: str


@contextlib.asynccontextmanager
async def running_manager(
    url: str,
    directory: Path,
    *,
    playground: Path | None = None,
    limits: Limits | None = None,
    **more: Any,
) -> AsyncIterator[RunningManager]:
    """Serve until the end of the block; `more` are settings."""
    settings = Settings(
        data_dir=directory,
        database_url=Secret(url),
        owner_email=EMAIL,
        owner_password=Secret(PASSWORD),
        manager_listen=f"unix:{directory / 'm'}",
        **more,
    )
    async with open_manager(settings, url) as manager:
        app = make_app(
            services=manager.services,
            playground_dir=playground or directory,
            max_upload=settings.max_upload,
            limits=limits,
        )
        config = make_config(app, settings.manager_listen, drain_seconds=1, ws="websockets-sansio")
        started = asyncio.Event()
        server = QuietServer(config, on_started=started.set)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve())
            await started.wait()
            try:
                yield RunningManager(
                    client=Client(directory / "m"),
                    services=manager.services,
                    server=server,
                    url=url,
                )
            finally:
                server.request_stop()


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    """Wait for something that sends no event."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def fake_node(url: str) -> AsyncIterator[list[str]]:
    """Answers source checks as a node does, by a word in the source; lists what it checked."""
    seen: list[str] = []
    db = await connect(url, name="fake node")
    work: asyncio.Queue[UUID] = asyncio.Queue()

    async def answer() -> None:
        while True:
            claimed = await checks.claim_check(db, await work.get())
            if claimed is None:
                continue
            seen.append(claimed.filename)
            await checks.finish_check(db, claimed.id, _verdict(claimed.source))

    await db.add_listener(
        checks.CHECKS, lambda _db, _pid, _channel, payload: work.put_nowait(UUID(str(payload)))
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(answer())
        try:
            yield seen
        finally:
            task.cancel()
    await db.close()


def _verdict(source: str) -> dict[str, Any]:
    if "def (" in source:
        error = {
            "code": "syntax_error",
            "message": "invalid syntax",
            "line": 1,
            "column": 5,
            "text": "def (:",
        }
        return {"ok": False, "error": error}
    return {"ok": True, "entry_points": ["handler"], "kind": "sync", "runtime": "314.0.7"}


@dataclass(slots=True)
class Writer:
    """Writes records as one node does: `seq` grows in commit order, then a NOTIFY."""

    pool: Pool
    node: int
    app_id: UUID
    script_id: UUID
    counter: Any = field(default_factory=lambda: itertools.count(1))
    runs: Any = field(default_factory=lambda: itertools.count(1))

    async def log(self, *texts: str, level: int = 20, invocation: UUID | None = None) -> None:
        """Commit log records, then wake the managers."""
        now = datetime.now(UTC)
        invocation = invocation or IDS.new()
        rows = [
            (
                *(self.node, next(self.counter), self.app_id, self.script_id, IDS.new()),
                *(invocation, number, level, "stdout", now + timedelta(microseconds=number), text),
            )
            for number, text in enumerate(texts)
        ]
        await self.pool.copy_records_to_table("log_records", records=rows)
        await self.notify()

    async def run(self, *paths: str, outcome: str = "ok") -> list[UUID]:
        """Commit invocations, then wake the managers."""
        ids = [IDS.new() for _ in paths]
        rows: Sequence[tuple[Any, ...]] = [
            (
                *(key, self.node, next(self.runs), self.app_id, self.script_id, IDS.new()),
                *("http", outcome, "GET", path, 200, datetime.now(UTC)),
                *(1500, 20, False, 0, 2, None, None, None),
            )
            for key, path in zip(ids, paths, strict=True)
        ]
        await self.pool.copy_records_to_table("invocations", records=rows)
        await self.notify()
        return ids

    async def notify(self) -> None:
        """Say that something was committed."""
        await self.pool.execute("SELECT pg_notify($1, $2)", records.CHANNEL, str(self.node))
