"""A client of the graphql-transport-ws protocol: one connection, one subscription.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    NegotiationError,
)
from websockets.typing import Subprotocol

from picloud.cli.pic.client import graphql_error
from picloud.cli.pic.credentials import Target, is_loopback
from picloud.cli.pic.errors import CliError

_PROTOCOL: Final = Subprotocol("graphql-transport-ws")
_ACK_SECONDS: Final = 10.0
_MAX_MESSAGE: Final = 4 * 1024 * 1024
_REFUSED: Final = {4401, 4403}


class ConnectionLostError(Exception):
    """The connection ended or could not be made; trying again later may help."""


async def subscribe(
    target: Target, document: str, variables: Mapping[str, object]
) -> AsyncGenerator[Any]:
    """The `data` of every event, until the server completes.

    Raises `ConnectionLostError` when a new try makes sense and `CliError` when it does not.
    """
    try:
        async with _connect(target) as socket:
            await _open(socket, target)
            request = {"query": document, "variables": variables}
            await _send(socket, {"id": "1", "type": "subscribe", "payload": request})
            async with aclosing(_events(socket, target)) as events:
                async for data in events:
                    yield data
    except ConnectionClosed as exc:
        raise _closed(target, exc) from exc
    except InvalidStatus as exc:
        raise _refused(target, exc.response.status_code) from exc
    except NegotiationError as exc:
        raise _not_spoken(target) from exc
    except (OSError, TimeoutError, InvalidMessage, InvalidHandshake) as exc:
        raise ConnectionLostError(str(exc) or type(exc).__name__) from exc


def _connect(target: Target) -> connect:
    parts = urlsplit(target.url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return connect(
        f"{scheme}://{parts.netloc}/graphql",
        subprotocols=[_PROTOCOL],
        proxy=None if is_loopback(parts.hostname or "") else True,
        user_agent_header="pic",
        close_timeout=1,
        max_size=_MAX_MESSAGE,
    )


async def _open(socket: ClientConnection, target: Target) -> None:
    if socket.subprotocol != _PROTOCOL:
        raise _not_spoken(target)
    payload = {"authorization": f"Bearer {target.token}"}
    await _send(socket, {"type": "connection_init", "payload": payload})
    async with asyncio.timeout(_ACK_SECONDS):
        while (await _receive(socket, target)).get("type") != "connection_ack":
            pass


async def _events(socket: ClientConnection, target: Target) -> AsyncGenerator[Any]:
    while True:
        message = await _receive(socket, target)
        match message.get("type"):
            case "next":
                payload = message["payload"]
                if payload.get("errors"):
                    raise _failed(target, payload["errors"][0])
                yield payload["data"]
            case "error":
                raise _failed(target, message["payload"][0])
            case "complete":
                return


async def _receive(socket: ClientConnection, target: Target) -> dict[str, Any]:
    """The next message; pings are answered on the way."""
    try:
        message = json.loads(await socket.recv())
    except ValueError as exc:
        raise _not_spoken(target) from exc
    if not isinstance(message, dict):
        raise _not_spoken(target)
    if message.get("type") == "ping":
        await _send(socket, {"type": "pong"})
    return message


async def _send(socket: ClientConnection, message: Mapping[str, object]) -> None:
    await socket.send(json.dumps(message))


def _failed(target: Target, error: Mapping[str, Any]) -> Exception:
    failure = graphql_error(target.url, error)
    # The platform's own fault, its database away for example, may be over at the next try.
    return ConnectionLostError(failure.message) if failure.code == "internal" else failure


def _closed(target: Target, exc: ConnectionClosed) -> Exception:
    code = exc.rcvd.code if exc.rcvd else None
    if code in _REFUSED:
        return graphql_error(target.url, {"message": "", "extensions": {"code": "unauthenticated"}})
    if code is not None and 4400 <= code < 4500:
        reason = exc.rcvd.reason if exc.rcvd else ""
        return CliError("platform_too_old", f"The platform ended the live tail: {reason or code}.")
    return ConnectionLostError("the connection was closed" if code else "the connection broke")


def _refused(target: Target, status: int) -> Exception:
    if status >= 500 or status == 429:
        return ConnectionLostError(f"HTTP {status}")
    return CliError(
        "not_a_platform",
        f"The platform at {target.url} refuses live tails (HTTP {status}).",
        hint="A proxy in front of it must let WebSocket connections to /graphql pass.",
    )


def _not_spoken(target: Target) -> CliError:
    return CliError("not_a_platform", f"What answers at {target.url} does not speak {_PROTOCOL}.")
