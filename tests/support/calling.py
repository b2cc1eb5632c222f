"""A real sandbox whose calls are served by a real broker, without a node around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from picloud import assets
from picloud.domain.egress import EgressPolicy
from picloud.domain.fetch import Fetch
from picloud.executor.calls import Caller, CallLimits, Calls
from picloud.executor.egress.broker import Broker
from picloud.executor.exchange import Exchange
from picloud.executor.link import Link, connect
from picloud.executor.messages import LinkError
from picloud.executor.runtime import Runtime
from picloud.executor.sandbox_process import SandboxProcess, Spawner
from support import sandboxes

APP = UUID(int=1)
PATIENCE = 60.0


@dataclass
class Invocation:
    """Whoever calls; what it fetched."""

    fetches: list[Fetch] = field(default_factory=list)

    def took_fetch(self, fetch: Fetch) -> None:
        self.fetches.append(fetch)


class Calling:
    """A bound sandbox. Every call counts for `invocation` and may take `seconds`."""

    def __init__(self, process: SandboxProcess) -> None:
        self.process = process
        self.invocation = Invocation()
        self.seconds = PATIENCE
        self.lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.link: Link
        self.calls: Calls
        self.logs: list[bytes] = []
        self.running = True

    def caller(self, stream: int) -> tuple[Caller | None, float] | None:
        loop = asyncio.get_running_loop()
        return (self.invocation, loop.time() + self.seconds) if self.running else None

    def hops(self) -> int:
        return 0

    def log(self, exchange: Exchange | None, payload: bytes) -> None:
        self.logs.append(payload)

    def exchange_ended(self, exchange: Exchange) -> None:
        if not self.link.open_exchanges:
            self.calls.invocation_ended(self.invocation)

    async def bind(
        self,
        source: str,
        broker: Broker,
        policy: EgressPolicy,
        limits: CallLimits,
        isolation: str = "sandbox",
    ) -> None:
        """Serve its calls, then let it load a script."""
        services = {"fetch": broker.service(APP, policy)}
        self.calls = Calls(self.link, self, services, limits, self.link.break_off)
        self.link.calls = self.calls
        await self.calls.listen(self.process.take_calls())
        head = {"app": "demo", "script": "s", "version": 1, "filename": "s.py", "memory_mb": 256}
        head["isolation"] = isolation
        await self.link.bind(
            {**head, "log_bytes": 262_144, "timeout_ms": 60_000}, source.encode(), PATIENCE
        )

    def start(self, path: str = "/", body: bytes = b"") -> Exchange:
        """Begin an invocation."""
        lines = ["0" * 32, "60000", "POST", path, "", "192.0.2.1", "", "http", ""]
        loop = asyncio.get_running_loop()
        exchange = Exchange(loop, "\n".join(lines).encode(), body)
        self.link.start(exchange, loop.time())
        return exchange

    async def call(self, path: str = "/", body: bytes = b"") -> Any:
        """What the handler answers, as JSON."""
        async with asyncio.timeout(PATIENCE):
            payload = await self.start(path, body).response
        head = 4 + int.from_bytes(payload[:4], "little")
        assert payload[4:7] == b"200", payload
        return json.loads(payload[head:])


@asynccontextmanager
async def calling(
    source: str,
    broker: Broker,
    snapshot: Path,
    policy: EgressPolicy | None = None,
    limits: CallLimits | None = None,
    isolation: str = "sandbox",
) -> AsyncIterator[Calling]:
    """A sandbox bound to a source, in its jail."""
    spawner = Spawner()
    runtime = Runtime.find(
        sandbox_host=assets.sandbox_host(), snapshot=snapshot, allow_weak_isolation=True
    )
    process = await spawner.spawn(runtime.jail())
    made = Calling(process)
    try:
        made.link = await connect(process.link, on_lost=made.lost.set_result, timeout=PATIENCE)
        made.link.owner = made
        policy, limits = policy or EgressPolicy(), limits or CallLimits()
        await made.bind(source, broker, policy, limits, isolation)
        yield made
        made.calls.close()
        made.link.close()
        await sandboxes.ended(process)
    finally:
        await spawner.close()


__all__ = ["APP", "Calling", "Invocation", "LinkError", "calling"]
