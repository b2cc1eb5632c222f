"""Fetches through a broker without a sandbox: what a CALL says, and what a RESULT would."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from picloud.domain.egress import Allowance, EgressPolicy
from picloud.domain.fetch import Fetch
from picloud.executor import frames
from picloud.executor.calls import Call, CallFailed, Channel
from picloud.executor.egress.addresses import AddressRules
from picloud.executor.egress.broker import Broker
from picloud.executor.egress.limits import EgressLimits
from picloud.executor.egress.network import Resolve, Resolver

APP = UUID(int=1)


@dataclass
class Asker:
    """An invocation that fetches, and the port its results leave by."""

    broker: Broker
    app_id: UUID = APP
    policy: EgressPolicy = field(default_factory=EgressPolicy)
    hops: int = 0
    fetches: list[Fetch] = field(default_factory=list)
    sent: int = 0  # bytes of results, frames included

    def took_fetch(self, fetch: Fetch) -> None:
        self.fetches.append(fetch)

    async def fetch(
        self, url: str, *, body: bytes = b"", **head: Any
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body. Raises CallFailed."""
        port = _Port()
        full = {"op": "fetch", "for": 1, "method": "GET", "url": url, "headers": [], **head}
        deadline = asyncio.get_running_loop().time() + 60
        call = Call(Channel(port), 1, full, self, deadline)
        call.body += body
        call.hops = self.hops
        try:
            await self.broker.service(self.app_id, self.policy)(call)
        finally:
            self.sent += port.size
        result = json.loads(port.head)
        return result["status"], [(n, v) for n, v in result["headers"]], bytes(port.body)

    async def code(self, url: str, **head: Any) -> str:
        """The code a fetch fails with."""
        try:
            await self.fetch(url, **head)
        except CallFailed as failure:
            return failure.code
        return "no failure"


class _Port:
    def __init__(self) -> None:
        self.head = b""
        self.body = bytearray()
        self.size = 0

    def write(self, frame: bytes) -> None:
        self.size += len(frame)
        (length, kind) = struct.unpack_from("<IB", frame)
        assert kind == frames.RESULT
        head, part = frames.split_head(frame[frames.HEADER_SIZE :])
        assert length == len(frame) - frames.HEADER_SIZE
        self.head = head or self.head
        self.body += part

    async def writable(self) -> None:
        pass


@asynccontextmanager
async def asker(*allow: str, resolve: Resolve | None = None, **limits: int) -> AsyncIterator[Asker]:
    """Somebody who fetches by a broker that opens these endpoints."""
    rules = AddressRules(map(Allowance.parse, allow))
    broker = Broker(EgressLimits(**limits), rules, resolve or Resolver())
    try:
        yield Asker(broker)
    finally:
        await broker.close()
