"""The app next door: whatever an attacker does, it is served, and answers right."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

import httpx

from support.node import NodeProcess

T = TypeVar("T")

_SCRIPT = "def handler(request):\n    return {'neighbour': request.query['say']}\n"
_PATIENCE = 20.0


async def move_in(node: NodeProcess) -> None:
    """Deploy it."""
    await node.deploy("hello", _SCRIPT, app="neighbour")


async def beside(node: NodeProcess, attack: Coroutine[Any, Any, T]) -> T:
    """What an attack gives, while the neighbour is served, before, meanwhile and after."""
    await _visit(node)
    task = asyncio.create_task(attack)
    try:
        while not task.done():
            await _visit(node)
            await asyncio.wait([task], timeout=0.05)
    finally:
        task.cancel()
    await _visit(node)
    return task.result()


async def call(node: NodeProcess, path: str, body: str = "") -> tuple[int, dict[str, str], str]:
    """Status, headers and body of an answer. Its body is "cut" when it broke off."""
    async with asyncio.timeout(_PATIENCE), node.client.stream("POST", path, content=body) as answer:
        try:
            await answer.aread()
        except httpx.RemoteProtocolError:
            return answer.status_code, dict(answer.headers), "cut"
    return answer.status_code, dict(answer.headers), answer.text


async def records(node: NodeProcess, version: UUID) -> str:
    """The records of a version's invocations and all they logged, once they are written."""
    query = "SELECT jsonb_agg(to_jsonb(r))::text FROM {} r WHERE version_id = $1"
    found = None
    async with asyncio.timeout(_PATIENCE):
        while found is None:
            await asyncio.sleep(0.02)
            found = await node.pool.fetchval(query.format("invocations"), version)
    return str(found) + str(await node.pool.fetchval(query.format("log_records"), version))


async def _visit(node: NodeProcess) -> None:
    word = secrets.token_hex(8)
    answer = await node.client.get(f"/x/neighbour/hello?say={word}")
    assert (answer.status_code, answer.json()) == (200, {"neighbour": word}), answer.text
