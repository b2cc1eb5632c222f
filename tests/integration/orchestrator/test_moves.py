"""Apps that are renamed, and apps and scripts that are deleted and come back, as callers see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from picloud.domain.app import App
from picloud.domain.deletion import Deletion
from picloud.store import app_names, apps, deletions, routing
from picloud.store.database import Pool
from support.node import NodeProcess, running_node
from support.waiting import eventually

ECHO = """
def handler(request):
    return {"path": request.path, "query": dict(request.query), "body": request.text()}
"""
ENDLESS = """
import time
def handler(request):
    while True:
        yield "tick\\n"
        time.sleep(0.05)
"""
SLEEPY = """
import time
def handler(request):
    time.sleep(60)
"""
PATIENT = {"PICLOUD_QUEUE_TIMEOUT_MS": "60000"}  # on a busy machine a sandbox takes its time
PROMISED = 5.0  # seconds from a deletion to the end of all that ran


@pytest.fixture
async def node(pool: Pool, database_url: str, snapshot: Path) -> AsyncIterator[NodeProcess]:
    """A node where requests wait as long as it takes."""
    async with running_node(pool, database_url, snapshot, PATIENT) as node:
        yield node


async def app_named(node: NodeProcess, name: str) -> App:
    found = await apps.find_app(node.pool, name)
    assert found is not None
    return found


async def rename(node: NodeProcess, app: App, name: str) -> App:
    """Rename an app as the manager does."""
    async with node.pool.acquire() as db, db.transaction():
        await app_names.rename_app(db, app, name, now=datetime.now(UTC))
        await routing.notify_routes(db)
    return await app_named(node, name)


async def delete_app(node: NodeProcess, app_id: UUID) -> None:
    """Delete an app as the manager does."""
    now = datetime.now(UTC)
    deletion = Deletion(deleted_at=now, purge_at=now + timedelta(days=7), deleted_by=None)
    async with node.pool.acquire() as db, db.transaction():
        assert await deletions.delete_app(db, app_id, deletion)
        await routing.notify_routes(db)


async def exhaust(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end."""
    async for _ in chunks:
        continue


async def until_status(node: NodeProcess, path: str, status: int) -> httpx.Response:
    """Ask until the node has heard of a change."""
    answers: list[httpx.Response] = []

    async def has_it() -> bool:
        answers.append(await node.client.get(path))
        return answers[-1].status_code == status

    await eventually(has_it)
    return answers[-1]


async def test_a_former_name_sends_on_to_the_new_one(node: NodeProcess) -> None:
    await node.deploy("echo", ECHO, app="before", pattern="/echo/{rest...}")
    await rename(node, await app_named(node, "before"), "after")
    moved = await until_status(node, "/x/before/echo/a%2Fb?x=1&y=%20", 308)
    assert moved.headers["location"] == "/x/after/echo/a%2Fb?x=1&y=%20"
    assert moved.headers["cache-control"] == "no-store"
    assert moved.json()["error"]["code"] == "app_renamed"
    headers = {"host": "before.localhost:8080", "x-forwarded-proto": "https"}
    by_host = await node.client.get("/echo/there?x=1", headers=headers)
    assert by_host.status_code == 308
    assert by_host.headers["location"] == "https://after.localhost:8080/echo/there?x=1"
    followed = await node.client.post("/x/before/echo/z", content="kept", follow_redirects=True)
    assert followed.json()["body"] == "kept"


async def test_a_name_that_is_taken_back_serves_and_the_other_one_sends_on(
    node: NodeProcess,
) -> None:
    await node.deploy("echo", ECHO, app="first", pattern="/echo/{rest...}")
    renamed = await rename(node, await app_named(node, "first"), "second")
    await until_status(node, "/x/first/echo/", 308)
    await rename(node, renamed, "first")
    assert (await until_status(node, "/x/first/echo/", 200)).json()["path"] == "/echo/"
    sent_on = await node.client.get("/x/second/echo/")
    assert sent_on.headers["location"] == "/x/first/echo/"


async def test_a_deleted_app_stops_all_it_runs_and_comes_back(node: NodeProcess) -> None:
    await node.deploy("echo", ECHO, app="going", pattern="/echo")
    await node.deploy("endless", ENDLESS, app="going", kind="generator")
    await node.deploy("sleepy", SLEEPY, app="going")
    await node.deploy("echo", ECHO, app="neighbour", pattern="/echo")
    assert (await node.client.get("/x/going/echo")).status_code == 200
    assert (await node.client.get("/x/neighbour/echo")).status_code == 200
    app = await app_named(node, "going")
    sleeping = asyncio.create_task(node.client.get("/x/going/sleepy"))
    async with node.client.stream("GET", "/x/going/endless") as stream:
        chunks = stream.aiter_raw()
        assert await anext(chunks)
        bound = set(node.sandbox_pids())
        await delete_app(node, app.id)
        async with asyncio.timeout(PROMISED):
            with pytest.raises(httpx.HTTPError):
                await exhaust(chunks)
            stopped = await sleeping
            await until_status(node, "/x/going/echo", 404)
    assert (stopped.status_code, stopped.json()["error"]["code"]) == (410, "script_deleted")
    assert (await node.client.get("/x/neighbour/echo")).status_code == 200
    outcomes = {row["outcome"] for row in await node.invocations(5)}
    assert outcomes == {"ok", "cancelled"}

    async def three_are_gone() -> bool:
        return len(bound - set(node.sandbox_pids())) >= 3

    await eventually(three_are_gone)
    async with node.pool.acquire() as db, db.transaction():
        assert await deletions.restore_app(db, app.id, datetime.now(UTC))
        await routing.notify_routes(db)
    assert (await until_status(node, "/x/going/echo", 200)).json()["path"] == "/echo"


async def test_a_deleted_script_stops_and_the_others_of_its_app_go_on(node: NodeProcess) -> None:
    await node.deploy("sleepy", SLEEPY, app="one")
    await node.deploy("echo", ECHO, app="one", pattern="/echo")
    sleeping = asyncio.create_task(node.client.get("/x/one/sleepy"))
    assert (await node.client.get("/x/one/echo")).status_code == 200

    async def both_run() -> bool:
        return len(node.sandbox_pids()) >= 2

    await eventually(both_run)
    script_id = await node.pool.fetchval("SELECT id FROM scripts WHERE name = 'sleepy'")
    now = datetime.now(UTC)
    deletion = Deletion(deleted_at=now, purge_at=now + timedelta(days=7), deleted_by=None)
    async with node.pool.acquire() as db, db.transaction():
        assert await deletions.delete_script(db, script_id, deletion)
        await routing.notify_routes(db, script_id)
    async with asyncio.timeout(PROMISED):
        assert (await sleeping).json()["error"]["code"] == "script_deleted"
    assert (await node.client.get("/x/one/sleepy")).status_code == 404
    assert (await node.client.get("/x/one/echo")).status_code == 200
