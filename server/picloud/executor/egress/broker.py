"""The egress broker: fetches for sandboxes, which have no network, what their app may reach."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final
from uuid import UUID

import httpcore

from picloud.domain.egress import EgressPolicy
from picloud.domain.fetch import Fetch
from picloud.executor.calls import PART, Call, CallFailed, Service
from picloud.executor.egress.addresses import AddressRules
from picloud.executor.egress.limits import EgressLimits
from picloud.executor.egress.network import (
    GuardedBackend,
    Meter,
    Resolve,
    current_meter,
    denied,
    headers_too_large,
    no_connection,
)
from picloud.executor.egress.pools import Pools
from picloud.executor.egress.request import Outgoing

logger = logging.getLogger(__name__)

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
# Of the connection, which the script does not have: it gets the body as a whole.
_HOP_BY_HOP: Final = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer"),
        *(b"transfer-encoding", b"upgrade"),
    )
)
_SMALL_CHUNKS: Final = 4096  # chunks after which their average size must not be tiny
_SMALL: Final = 64  # bytes
_BREATHE: Final = 16  # chunks parsed before others get their turn


class Broker:
    """One per node. `service` gives a sandbox the `fetch` of its app."""

    def __init__(self, limits: EgressLimits, rules: AddressRules, resolve: Resolve) -> None:
        self._limits = limits
        self._pools = Pools(GuardedBackend(rules, resolve))
        self._places = asyncio.Semaphore(limits.egress_parallel)

    def service(self, app_id: UUID, policy: EgressPolicy) -> Service:
        """What serves the calls `fetch` of a sandbox that belongs to this app."""

        async def fetch(call: Call) -> None:
            await self._fetch(call, app_id, policy)

        return fetch

    async def close(self) -> None:
        """Drop all connections."""
        await self._pools.close()

    async def _fetch(self, call: Call, app_id: UUID, policy: EgressPolicy) -> None:
        request = Outgoing.parse(call.head, bytes(call.body))
        limit = _TimeLimit.of(request, self._limits)
        follows = request.redirects > 0
        while True:
            with _recorded(call, request) as fetch:
                async with limit, self._places:
                    if not policy.allows(request.target.host, request.target.port):
                        raise denied(request.target.host, request.target.port)
                    location = await self._hop(call, request, app_id, fetch, follows=follows)
            if location is None:
                return
            if request.redirects == 0:
                raise CallFailed("too_many_redirects", "the answer is one redirect too many")
            request = request.redirected(*location)

    async def _hop(
        self, call: Call, request: Outgoing, app_id: UUID, fetch: Fetch, *, follows: bool
    ) -> tuple[int, str] | None:
        """Send one request. Status and location if it is to be redirected, else all is sent."""
        async with self._answer(call, request, app_id) as response:
            fetch.status = response.status
            location = _location(response)
            if follows and location is not None and response.status in _REDIRECTS:
                return response.status, location
            await self._pass_on(call, request, response, fetch)
            return None

    @asynccontextmanager
    async def _answer(
        self, call: Call, request: Outgoing, app_id: UUID
    ) -> AsyncIterator[httpcore.Response]:
        limits = self._limits
        meter = Meter(limits.egress_header_bytes)
        current_meter.set(meter)
        target = request.target
        sent = httpcore.Request(
            request.method.encode(),
            httpcore.URL(
                scheme=target.scheme.encode(),
                host=target.host.encode(),
                port=target.port,
                target=target.path.encode(),
            ),
            headers=request.wire_headers(call.hops + 1),
            content=_pieces(request.body),
            extensions={"timeout": {"connect": limits.egress_connect_ms / 1000}},
        )
        close: Callable[[], Awaitable[None]] | None = None
        try:
            response, close = await self._pools.send(app_id, sent)
            meter.awaiting_head = False
            if response.status < 200:
                raise CallFailed("response_invalid", f"{target.host} changes the protocol")
            size = sum(len(name) + len(value) + 4 for name, value in response.headers)
            if size > meter.limit:
                raise headers_too_large(meter.limit)
            yield response
        except httpcore.ProtocolError:
            raise CallFailed("response_invalid", f"{target.host} does not speak HTTP") from None
        except httpcore.ConnectTimeout:
            raise no_connection(target.host, target.port, limits.egress_connect_ms) from None
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError):
            raise CallFailed("connection_lost", f"{target.host} closed the connection") from None
        finally:
            if close is not None:
                await close()

    async def _pass_on(
        self, call: Call, request: Outgoing, response: httpcore.Response, fetch: Fetch
    ) -> None:
        """Give the answer to the script as it comes, no faster than it is taken."""
        most = self._limits.egress_response_bytes
        head: dict[str, object] | None = {
            "status": response.status,
            "reason": response.extensions["reason_phrase"].decode("latin-1"),
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")]
                for name, value in response.headers
                if name.lower() not in _HOP_BY_HOP
            ],
            "url": str(request.target),
            "limit": most,
        }
        held = bytearray()
        async with aclosing(_breathing(response)) as chunks:
            async for chunk in chunks:
                fetch.bytes_in += len(chunk)
                if fetch.bytes_in > most:
                    said = f"the answer is larger than egress_response_bytes={most}"
                    raise CallFailed("response_too_large", said)
                held += chunk
                while len(held) >= PART:
                    await call.reply(head, bytes(held[:PART]), end=False)
                    head = None
                    del held[:PART]
        await call.reply(head, bytes(held), end=True)


class _TimeLimit:
    """The time all hops of a request have together."""

    def __init__(self, milliseconds: int, name: str) -> None:
        self._due = asyncio.get_running_loop().time() + milliseconds / 1000
        self._name = name
        self._timeout: asyncio.Timeout

    @classmethod
    def of(cls, request: Outgoing, limits: EgressLimits) -> _TimeLimit:
        """The platform's limit, or the script's own if that is less."""
        most, asked = limits.egress_timeout_ms, request.timeout_ms
        if asked is not None and asked < most:
            return cls(asked, f"its timeout of {asked} ms")
        return cls(most, f"egress_timeout_ms={most}")

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout_at(self._due)
        await self._timeout.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._timeout.__aexit__(*error)
        except TimeoutError:
            said = f"the request took longer than {self._name}"
            raise CallFailed("timeout", said) from None


class _recorded:  # noqa: N801 - reads as the statement it is
    """The record of one hop, kept with the invocation from its start."""

    def __init__(self, call: Call, request: Outgoing) -> None:
        target = request.target
        self._fetch = Fetch(
            method=request.method,
            host=target.host,
            port=target.port,
            bytes_out=len(request.body),
            started=time.monotonic(),
        )
        if call.caller is not None:
            call.caller.took_fetch(self._fetch)

    def __enter__(self) -> Fetch:
        return self._fetch

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        fetch = self._fetch
        fetch.duration_ms = int((time.monotonic() - fetch.started) * 1000)
        fetch.error = None
        if isinstance(error, CallFailed):
            fetch.error = error.code
        elif error is not None:
            fetch.error = "cancelled" if isinstance(error, asyncio.CancelledError) else "internal"


async def _breathing(response: httpcore.Response) -> AsyncGenerator[bytes, None]:
    """The chunks of a body; many tiny ones neither hold the event loop nor go on for long."""
    count = size = 0
    async for chunk in response.aiter_stream():
        count += 1
        size += len(chunk)
        if count % _BREATHE == 0:
            await asyncio.sleep(0)
            if count > _SMALL_CHUNKS and size < count * _SMALL:
                raise CallFailed("response_invalid", "the answer comes in too many tiny chunks")
        yield chunk


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), PART):
        yield body[at : at + PART]


def _location(response: httpcore.Response) -> str | None:
    for name, value in response.headers:
        if name.lower() == b"location":
            return str(value.decode("latin-1"))
    return None
