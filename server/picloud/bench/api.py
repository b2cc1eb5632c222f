"""The control plane as a client sees it: GraphQL over HTTP, and one subscription."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, Final, Self

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol

_PROTOCOL: Final = Subprotocol("graphql-transport-ws")
_TIMEOUT: Final = 60.0  # seconds

SESSION: Final = """
mutation ($email: String!, $password: String!) {
  sessionCreate(input: {email: $email, password: $password}) {
    __typename
    ... on SessionCreateSuccess { token }
    ... on Error { code message }
  }
}"""
APP: Final = """
mutation ($name: String!) {
  appCreate(input: {name: $name}) { __typename ... on Error { code message } }
}"""
DEPLOY: Final = """
mutation (
  $app: String!, $name: String!, $source: String!, $filename: String!,
  $isolation: VersionIsolation!
) {
  scriptDeploy(
    input: {
      app: $app, name: $name, source: $source, filename: $filename, isolation: $isolation
    }
  ) {
    __typename
    ... on Error { code message }
  }
}"""
COLD: Final = """
query ($app: String!, $name: String!) {
  script(app: $app, name: $name) { invocations(last: 1) { edges { node { cold } } } }
}"""
LOG: Final = """
subscription ($app: String!, $script: String!) {
  logRecordAppended(app: $app, script: $script) { logRecord { text } }
}"""


class RefusedError(Exception):
    """The control plane answered with an error."""


class Api:
    """One log-in at the control plane."""

    def __init__(self, address: str) -> None:
        """`address` is the public one, such as http://localhost:8080."""
        self._address = address
        self._token = ""
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def log_in(self, email: str, password: str) -> None:
        """Everything after this is done as this user."""
        answer = self._mutate("sessionCreate", SESSION, email=email, password=password)
        self._token = str(answer["token"])

    def create_app(self, name: str) -> None:
        self._mutate("appCreate", APP, name=name)

    def deploy(self, app: str, name: str, source: str, *, isolation: str = "SANDBOX") -> None:
        """A new version serves from now on."""
        given = {"source": source, "filename": f"{name}.py", "isolation": isolation}
        self._mutate("scriptDeploy", DEPLOY, app=app, name=name, **given)

    def was_cold(self, app: str, name: str) -> bool | None:
        """Whether a script's latest invocation found an empty pool; None before its record is
        written."""
        data = self.query(COLD, app=app, name=name)
        edges = data["script"]["invocations"]["edges"]
        return bool(edges[0]["node"]["cold"]) if edges else None

    def query(self, document: str, **variables: object) -> dict[str, Any]:
        """The data of an answer; raises `RefusedError` for an answer with errors."""
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        answer = self._client.post(
            f"{self._address}/graphql",
            json={"query": document, "variables": variables},
            headers=headers,
        )
        if answer.status_code != 200:
            raise RefusedError(f"/graphql answered {answer.status_code}: {answer.text[:300]}")
        body = answer.json()
        if body.get("errors"):
            raise RefusedError(json.dumps(body["errors"])[:500])
        data: dict[str, Any] = body["data"]
        return data

    def _mutate(self, field: str, document: str, **variables: object) -> dict[str, Any]:
        payload: dict[str, Any] = self.query(document, **variables)[field]
        if "code" in payload:
            raise RefusedError(f"{field}: {payload['code']}: {payload['message']}")
        return payload

    def log_tail(self, app: str, script: str) -> LogTail:
        """A subscription to a script's log records."""
        address = self._address.replace("http", "ws", 1)
        return LogTail(f"{address}/graphql", self._token, {"app": app, "script": script})


class LogTail:
    """A running subscription to log records."""

    def __init__(self, address: str, token: str, variables: dict[str, str]) -> None:
        self._socket = connect(address, subprotocols=[_PROTOCOL], proxy=None)
        self._send(type="connection_init", payload={"authorization": f"Bearer {token}"})
        self._expect("connection_ack")
        payload = {"query": LOG, "variables": variables}
        self._send(id="1", type="subscribe", payload=payload)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def wait_for(self, mark: str, timeout: float) -> str:
        """The text of the first record that begins with `mark`; raises `TimeoutError`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._expect("next", deadline - time.monotonic())
            text = str(message["payload"]["data"]["logRecordAppended"]["logRecord"]["text"])
            if text.startswith(mark):
                return text

    def _send(self, **message: object) -> None:
        self._socket.send(json.dumps(message))

    def _expect(self, kind: str, timeout: float = _TIMEOUT) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while True:
            message: dict[str, Any] = json.loads(
                self._socket.recv(timeout=max(0.0, deadline - time.monotonic()))
            )
            if message["type"] == kind and not message.get("payload", {}).get("errors"):
                return message
            if message["type"] == "ping":
                self._send(type="pong")
            elif message["type"] != "pong":
                raise RefusedError(json.dumps(message)[:500])
