"""Live tails: everything once, whatever happens."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from picloud.manager import subscription
from support.manager import CREATE_APP, Client, RunningManager, Writer, running_manager, until
from support.postgres import PostgresServer

FOLLOW = """
subscription ($app: String!, $script: String, $level: LogLevel, $after: String) {
  logRecordAppended(app: $app, script: $script, level: $level, after: $after) {
    cursor
    lagged
    logRecord { text level stream invocationId script { name } }
  }
}
"""
WATCH = """
subscription ($app: String!, $after: String) {
  invocationFinished(app: $app, after: $after) {
    cursor
    invocation { invocationId outcome durationMs queueMs status path cold trigger method }
  }
}
"""
PAGE = """
query ($last: Int, $first: Int, $after: String, $before: String, $level: LogLevel) {
  script(app: "demo", name: "hello") {
    logRecords(last: $last, first: $first, after: $after, before: $before, level: $level) {
      edges { cursor node { text } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      liveCursor
    }
    invocations(last: 2) { edges { node { path } } liveCursor }
  }
}
"""


@pytest.fixture
async def writers(manager: RunningManager, owner: Client, node: list[str]) -> tuple[Writer, Writer]:
    """Two nodes that write records of demo/hello."""
    await owner.ask(CREATE_APP, name="demo")
    await owner.deploy("demo", "hello")
    assert node
    pool = manager.services.pool
    row = await pool.fetchrow("SELECT id, app_id FROM scripts")
    assert row is not None
    first, second = (Writer(pool, number, row["app_id"], row["id"]) for number in (1, 2))
    return first, second


async def listening(manager: RunningManager) -> None:
    """Wait until the hub listens."""
    hub = manager.services.hub

    async def follows() -> bool:
        return hub._logs.position is not None

    await until(follows)


async def test_a_record_reaches_the_subscriber_with_what_it_is(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    async with owner.follow(FOLLOW, app="demo", script="hello") as tail:
        await listening(manager)
        await writers[0].log("hello")
        item = await tail.item()
    assert item["logRecord"]["text"] == "hello"
    assert item["logRecord"]["level"] == "INFO"
    assert item["logRecord"]["stream"] == "STDOUT"
    assert item["logRecord"]["script"] == {"name": "hello"}


async def test_a_record_is_seen_within_the_promised_time(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    took = []
    async with owner.follow(FOLLOW, app="demo") as tail:
        await listening(manager)
        for number in range(20):
            start = time.perf_counter()
            await writers[0].log(str(number))
            assert (await tail.item())["logRecord"]["text"] == str(number)
            took.append(time.perf_counter() - start)
    assert sorted(took)[10] < 0.15


async def test_a_filter_lets_only_its_records_through(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    async with owner.follow(FOLLOW, app="demo", level="ERROR") as tail:
        await listening(manager)
        await writers[0].log("quiet")
        await writers[0].log("loud", level=40)
        assert (await tail.item())["logRecord"]["text"] == "loud"


async def test_a_page_and_the_tail_after_it_fit_without_a_seam(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    stop = asyncio.Event()
    written: list[str] = []

    async def write(writer: Writer) -> None:
        while not stop.is_set():
            texts = [f"{writer.node}-{len(written)}-{part}" for part in range(3)]
            written.extend(texts)
            await writer.log(*texts)

    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(write(writer))
        for _ in range(5):
            await asyncio.sleep(0.02)
        page = (await owner.ask(PAGE, last=100)).data["script"]["logRecords"]
        seen = [edge["node"]["text"] for edge in page["edges"]]
        has_all = not page["pageInfo"]["hasPreviousPage"]
        async with owner.follow(FOLLOW, app="demo", after=page["liveCursor"]) as tail:
            following = [(await tail.item())["logRecord"]["text"] for _ in range(30)]
            stop.set()
        assert not set(seen) & set(following)
    assert len(following) == len(set(following))
    for writer in writers:
        mine = [text for text in written if text.startswith(f"{writer.node}-")]
        followed = [text for text in following if text.startswith(f"{writer.node}-")]
        paged = [text for text in seen if text.startswith(f"{writer.node}-")]
        joined = paged + followed
        start = mine.index(joined[0])
        assert joined == mine[start : start + len(joined)]
        assert start == 0 or not has_all


async def test_a_tail_that_is_cut_again_and_again_loses_and_repeats_nothing(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    total = 120
    live = (await owner.ask(PAGE, last=1)).data["script"]["logRecords"]["liveCursor"]

    async def write(writer: Writer) -> None:
        for number in range(total // 2):
            await writer.log(f"{writer.node}-{number}")

    seen: list[str] = []
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(write(writer))
        while len(seen) < total:
            async with owner.follow(FOLLOW, app="demo", after=live) as tail:
                for _ in range(min(17, total - len(seen))):
                    item = await tail.item()
                    live = item["cursor"]
                    seen.append(item["logRecord"]["text"])
    for writer in writers:
        mine = [text for text in seen if text.startswith(f"{writer.node}-")]
        assert mine == [f"{writer.node}-{number}" for number in range(total // 2)]


async def test_a_slow_subscriber_is_caught_up_from_the_database(
    manager: RunningManager,
    owner: Client,
    writers: tuple[Writer, Writer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription, "MAX_QUEUED", 5)
    monkeypatch.setattr(subscription, "CATCH_UP", 7)
    async with owner.follow(FOLLOW, app="demo") as tail:
        await listening(manager)
        for start in range(0, 100, 10):
            await writers[0].log(*(str(start + number) for number in range(10)))
        items = [await tail.item() for _ in range(100)]
        assert [item["logRecord"]["text"] for item in items] == [str(n) for n in range(100)]
        assert all(item["lagged"] for item in items)
        await writers[0].log("at last")
        assert not (await tail.item())["lagged"]


async def test_long_lines_are_not_kept_for_a_slow_reader(
    manager: RunningManager,
    owner: Client,
    writers: tuple[Writer, Writer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription, "MAX_QUEUED_TEXT", 1000)
    async with owner.follow(FOLLOW, app="demo") as tail:
        await listening(manager)
        await writers[0].log("x" * 1001)
        item = await tail.item()
        assert (len(item["logRecord"]["text"]), item["lagged"]) == (1001, True)
        await writers[0].log("x" * 1000)
        assert not (await tail.item())["lagged"]


async def test_finished_invocations_are_followed_too(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    await writers[0].run("/before")
    script = (await owner.ask(PAGE, last=1)).data["script"]
    assert [edge["node"]["path"] for edge in script["invocations"]["edges"]] == ["/before"]
    async with owner.follow(WATCH, app="demo", after=script["invocations"]["liveCursor"]) as tail:
        [key] = await writers[1].run("/after", outcome="script_error")
        invocation = (await tail.item())["invocation"]
    assert invocation == {
        "invocationId": str(key),
        "outcome": "SCRIPT_ERROR",
        "durationMs": 1.5,
        "queueMs": 0.02,
        "status": 200,
        "path": "/after",
        "cold": False,
        "trigger": "HTTP",
        "method": "GET",
    }


async def test_the_hub_listens_only_while_somebody_follows(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"

    async def connections() -> int:
        count: int = await manager.services.pool.fetchval(statement, "picloud manager tails")
        return count

    assert await connections() == 0
    async with owner.follow(FOLLOW, app="demo"), owner.follow(FOLLOW, app="demo"):
        await listening(manager)
        assert await connections() == 1

    async def closed() -> bool:
        return await connections() == 0

    await until(closed)
    assert await connections() == 0


async def test_logging_out_ends_the_tails_of_that_session(
    manager: RunningManager, owner: Client, writers: tuple[Writer, Writer]
) -> None:
    other = await manager.client.log_in()
    async with owner.follow(FOLLOW, app="demo") as tail, other.follow(FOLLOW, app="demo") as stays:
        await listening(manager)
        await owner.ask("mutation { sessionDelete { endedAt } }")
        message = await tail.message()
        [error] = message["payload"]["errors"]
        assert error["extensions"]["code"] == "unauthenticated"
        await writers[0].log("still here")
        assert (await stays.item())["logRecord"]["text"] == "still here"


async def test_what_can_not_be_followed_is_told_by_its_code(owner: Client) -> None:
    async def refused(query: str, **variables: Any) -> str:
        async with owner.follow(query, **variables) as tail:
            message = await tail.message()
        payload = message["payload"]
        errors = payload["errors"] if isinstance(payload, dict) else payload
        return str(errors[0]["extensions"]["code"])

    await owner.ask(CREATE_APP, name="demo")
    assert await refused(FOLLOW, app="nothing") == "not_found"
    assert await refused(FOLLOW, app="demo", script="nothing") == "not_found"
    assert await refused(FOLLOW, app="demo", after="x") == "invalid_input"
    assert await refused(FOLLOW, app="demo", after="\ud800") == "invalid_input"
    assert await refused(WATCH, app="demo", after="W10") == "invalid_input"
    assert await refused("subscription { nothing }") == "bad_request"


async def test_pages_of_records_walk_both_ways_in_one_order(
    owner: Client, writers: tuple[Writer, Writer]
) -> None:
    for number in range(10):
        await writers[number % 2].log(f"{number:02}")
    expected = [f"{number:02}" for number in range(10)]
    forwards: list[str] = []
    after: str | None = None
    while True:
        page = (await owner.ask(PAGE, first=3, after=after)).data["script"]["logRecords"]
        forwards += [edge["node"]["text"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    backwards: list[str] = []
    before: str | None = None
    while True:
        page = (await owner.ask(PAGE, last=3, before=before)).data["script"]["logRecords"]
        backwards = [edge["node"]["text"] for edge in page["edges"]] + backwards
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break
    assert forwards == backwards == expected


async def test_a_tail_outlives_a_restart_of_the_database() -> None:
    server = PostgresServer()
    try:
        server.create()
        server.start()
        server.execute("CREATE DATABASE picloud")
        url = server.url("picloud")
        with TemporaryDirectory(prefix="pc-") as directory:
            async with running_manager(url, Path(directory)) as manager:
                owner = await manager.client.log_in()
                await owner.ask(CREATE_APP, name="demo")
                app_id = await manager.services.pool.fetchval("SELECT id FROM apps")
                writer = Writer(manager.services.pool, 1, app_id, app_id)
                async with owner.follow(FOLLOW, app="demo") as tail:
                    await listening(manager)
                    await writer.log("before")
                    assert (await tail.item())["logRecord"]["text"] == "before"
                    await asyncio.to_thread(server.stop)
                    assert (await owner.send("GET", "/healthz")).status_code == 200
                    assert (await owner.send("GET", "/readyz")).status_code == 503
                    await asyncio.to_thread(server.start)
                    await writer.log("after")
                    assert (await tail.item())["logRecord"]["text"] == "after"
                    assert (await owner.send("GET", "/readyz")).status_code == 200
    finally:
        server.remove()
