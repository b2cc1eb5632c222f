"""Connections that are kept for the next request: of one app each, never of another."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import certifi
import httpcore

_KEPT: Final = 8  # idle connections of one app
_EXPIRY: Final = 15.0  # seconds a connection is kept
_MOST_POOLS: Final = 32  # apps whose connections are kept; each connection is a descriptor
_SWEEP: Final = 20.0  # seconds from a request to the look for what nobody uses


@dataclass(slots=True)
class _AppPool:
    connections: httpcore.AsyncConnectionPool
    users: int = 0
    last_used: float = field(default_factory=time.monotonic)


class Pools:
    """One pool of connections for each app that has fetched something lately."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend) -> None:
        self._backend = backend
        self._pools: dict[UUID, _AppPool] = {}
        self._tls: asyncio.Future[ssl.SSLContext] | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def send(
        self, app_id: UUID, request: httpcore.Request
    ) -> tuple[httpcore.Response, Callable[[], Awaitable[None]]]:
        """The answer's head, and what has to be called when its body is no longer wanted."""
        context = await self._trust()
        pool = self._pools.get(app_id)
        if pool is None:
            self._drop_oldest()
            pool = self._pools[app_id] = _AppPool(self._make(context))
        pool.users += 1
        try:
            response = await pool.connections.handle_async_request(request)
        except BaseException:
            self._left(pool)
            raise

        async def close() -> None:
            try:
                await response.aclose()
            finally:
                self._left(pool)

        return response, close

    async def close(self) -> None:
        """Drop all connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.connections.aclose()

    def _make(self, context: ssl.SSLContext) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=None,  # calls are counted elsewhere
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_EXPIRY,
            network_backend=self._backend,
        )

    async def _trust(self) -> ssl.SSLContext:
        """Read once, when first needed and aside: it takes some 20 ms."""
        if self._tls is None:
            loop = asyncio.get_running_loop()
            self._tls = loop.run_in_executor(None, _make_context)
        return await asyncio.shield(self._tls)

    def _left(self, pool: _AppPool) -> None:
        pool.users -= 1
        pool.last_used = time.monotonic()
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    def _sweep(self) -> None:
        """Close what has not been used for a while; no timer runs while there is nothing."""
        self._sweeper = None
        old = time.monotonic() - _EXPIRY
        for app_id, pool in list(self._pools.items()):
            if not pool.users and pool.last_used <= old:
                self._drop(app_id)
        if self._pools:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    def _drop_oldest(self) -> None:
        idle = [app_id for app_id, pool in self._pools.items() if not pool.users]
        if len(self._pools) >= _MOST_POOLS and idle:
            self._drop(min(idle, key=lambda app_id: self._pools[app_id].last_used))

    def _drop(self, app_id: UUID) -> None:
        pool = self._pools.pop(app_id)
        closing = asyncio.get_running_loop().create_task(pool.connections.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _make_context() -> ssl.SSLContext:
    """The system's certificates, which an operator may have added to, and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
