"""The manager as a process: its first start, its stop, and its quiet."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import httpx

from support.manager import Client, Tail, running_manager, until

ROOT = Path(__file__).resolve().parents[3]


@contextlib.asynccontextmanager
async def process(
    url: str, home: Path, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m picloud.manager`, ready."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "server"),
        "PICLOUD_DATABASE_URL": url,
        "PICLOUD_DATA_DIR": str(home),
        "PICLOUD_MANAGER_LISTEN": f"unix:{home / 'm'}",
        **settings,
    }
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picloud.manager"),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


async def ready(home: Path) -> None:
    """Wait until it answers."""

    async def answers() -> bool:
        try:
            return (await Client(home / "m").send("GET", "/readyz")).status_code == 200
        except httpx.ConnectError:
            return False

    await until(answers, seconds=30)


async def test_the_first_start_prints_a_generated_password_once_and_stops_cleanly(
    database_url: str,
) -> None:
    with TemporaryDirectory(prefix="pc-") as directory:
        home = Path(directory)
        async with process(database_url, home, PICLOUD_OWNER_EMAIL="Me@Example.org") as first:
            await ready(home)
            assert first.stdout is not None
            event = json.loads(await first.stdout.readline())
            assert event["event"] == "owner_created"
            client = await Client(home / "m").log_in("me@example.org", event["password"])
            assert client.token is not None
            start = time.monotonic()
            first.send_signal(signal.SIGTERM)
            assert await first.wait() == 0
            assert time.monotonic() - start < 10
            assert await first.stdout.read() == b""
        async with process(database_url, home) as second:
            await ready(home)
            second.send_signal(signal.SIGTERM)
            assert await second.wait() == 0
            assert second.stdout is not None
            assert await second.stdout.read() == b""


async def test_a_stop_does_not_wait_for_who_follows_a_log(database_url: str) -> None:
    with TemporaryDirectory(prefix="pc-") as directory:
        home = Path(directory)
        async with process(database_url, home, PICLOUD_OWNER_PASSWORD="correct horse") as manager:
            await ready(home)
            client = await Client(home / "m").log_in("owner@localhost", "correct horse")
            await client.ask('mutation { appCreate(input: {name: "demo"}) { __typename } }')
            query = 'subscription { invocationFinished(app: "demo") { cursor } }'
            async with client.follow(query) as tail:
                assert isinstance(tail, Tail)
                start = time.monotonic()
                manager.send_signal(signal.SIGTERM)
                assert await manager.wait() == 0
                assert time.monotonic() - start < 10


async def test_without_a_database_the_start_fails_with_a_sentence() -> None:
    with TemporaryDirectory(prefix="pc-") as directory:
        home = Path(directory)
        url = f"postgresql://postgres@/picloud?host={home}"
        async with process(url, home) as manager:
            assert await manager.wait() == 1
            assert manager.stderr is not None
            said = (await manager.stderr.read()).decode()
    assert said.startswith("the manager could not start:")
    assert "Traceback" not in said


async def test_an_idle_manager_sends_no_statement(database_url: str) -> None:
    newest = (
        "SELECT max(query_start) FROM pg_stat_activity"
        " WHERE application_name LIKE 'picloud manager%' AND datname = current_database()"
    )
    db = await asyncpg.connect(database_url)
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(database_url, Path(directory)) as manager:
            await manager.client.log_in()
            before = await db.fetchval(newest)
            await asyncio.sleep(2)  # the time in which nothing is to happen
            assert before is not None
            assert await db.fetchval(newest) == before
    await db.close()
