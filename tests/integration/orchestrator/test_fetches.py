"""Fetches of scripts through a real node: policy, records, hops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

from picloud.domain.limits import Limits
from picloud.store.database import Pool
from support.node import running_node
from support.web import Request, web

FETCH = """
import pic
def handler(request):
    try:
        return [pic.fetch(request.query["url"], headers={"picloud-hops": "0"}).text()]
    except pic.FetchError as error:
        return [error.code]
"""
# Whatever it catches, its time is over: the soft stop comes right after the fetch that ended.
CATCHES = """
import pic
def handler(request):
    while True:
        try:
            return [pic.fetch(request.query["url"]).text()]
        except pic.FetchError:
            pass
"""
AFETCH = """
import asyncio, pic
async def handler(request):
    urls = [request.query["url"]] * int(request.query["times"])
    return [a.status for a in await asyncio.gather(*[pic.afetch(url) for url in urls])]
"""


async def test_fetches_keep_to_the_policy_of_the_app_and_are_recorded(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    async with web() as site:
        settings = {"PICLOUD_EGRESS_ALLOW": f"127.0.0.1:{site.port}, 192.0.2.0/24"}
        async with running_node(pool, database_url, snapshot, settings) as node:
            await node.deploy("fetch", FETCH)
            await node.deploy("afetch", AFETCH, kind="async")
            call = {"url": f"{site.url}/a"}
            headers = {"picloud-hops": "3"}
            answer = await node.client.get("/x/demo/fetch", params=call, headers=headers)
            assert answer.json() == ["ok"]
            assert site.requests[0].values("picloud-hops") == ["4"]
            denied = {"url": "http://127.0.0.1:1/"}
            answer = await node.client.get("/x/demo/fetch", params=denied)
            assert answer.json() == ["egress_denied"]
            answer = await node.client.get("/x/demo/afetch", params={**call, "times": "120"})
            assert answer.json() == [200] * 120
            first, second, third = await node.invocations(3)
            (fetch,) = json.loads(first["fetches"])
            assert (fetch["host"], fetch["port"], fetch["status"]) == ("127.0.0.1", site.port, 200)
            assert (fetch["bytes_in"], fetch["error"]) == (2, None)
            assert [f["error"] for f in json.loads(second["fetches"])] == ["egress_denied"]
            assert len(json.loads(third["fetches"])) == 100


async def test_a_handler_that_waits_for_an_answer_is_stopped_at_its_deadline(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with web() as site:
        site.answers["/hang"] = hang
        settings = {"PICLOUD_EGRESS_ALLOW": f"127.0.0.1:{site.port}"}
        async with running_node(pool, database_url, snapshot, settings) as node:
            await node.deploy("fetch", CATCHES, limits=Limits(timeout_ms=700))
            await node.client.get("/x/demo/fetch", params={"url": site.url})
            answer = await node.client.get("/x/demo/fetch", params={"url": f"{site.url}/hang"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
            after = await node.client.get("/x/demo/fetch", params={"url": site.url})
            assert after.json() == ["ok"]
            _, stopped, _ = await node.invocations(3)
            (fetch,) = json.loads(stopped["fetches"])  # it asked again, too late
            assert (stopped["outcome"], fetch["status"]) == ("timeout", None)
            assert fetch["error"] in ("cancelled", "unfinished")


async def test_a_sandbox_that_dies_while_it_fetches_costs_nobody_else(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    arrived = asyncio.Event()

    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with web() as site:
        site.answers["/hang"] = hang
        settings = {"PICLOUD_EGRESS_ALLOW": f"127.0.0.1:{site.port}"}
        async with running_node(pool, database_url, snapshot, settings) as node:
            await node.deploy("fetch", FETCH)
            get = node.client.get("/x/demo/fetch", params={"url": f"{site.url}/hang"})
            hanging = asyncio.ensure_future(get)
            await arrived.wait()
            for pid in node.sandbox_pids():
                os.kill(pid, signal.SIGKILL)
            assert (await hanging).status_code == 502
            answer = await node.client.get("/x/demo/fetch", params={"url": site.url})
            assert answer.json() == ["ok"]
