"""`pic` against a real manager, a real node and a real PostgreSQL: one of each for all tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from picloud.store.database import make_pool
from support.manager_process import EMAIL, PASSWORD, ManagerProcess, running_manager
from support.node import NodeProcess, running_node
from support.postgres import PostgresServer

ROOT = Path(__file__).parents[3]
HELLO = ROOT / "examples" / "hello.py"
PATIENCE = 30.0
DATABASE = "pic_cli"
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Ended(NamedTuple):
    """How a run of `pic` ended."""

    code: int
    out: str
    err: str


class Author:
    """Somebody at a terminal."""

    def __init__(self, home: Path, manager: ManagerProcess) -> None:
        self.manager = manager
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "server"),
            "XDG_CONFIG_HOME": str(home),
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """A `pic` that runs on."""
        pipe = asyncio.subprocess.PIPE
        program = ("-m", "picloud.cli.pic.main", *arguments)
        return await asyncio.create_subprocess_exec(
            sys.executable, *program, env=self._environment, stdout=pipe, stderr=pipe
        )

    async def pic(self, *arguments: str) -> Ended:
        """A `pic` that ends."""
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def done(self, *arguments: str) -> str:
        """A `pic` that must succeed."""
        ended = await self.pic(*arguments)
        assert ended.code == 0, ended.err
        return ended.out

    async def json(self, *arguments: str) -> Any:
        """The same with `--json`."""
        return json.loads(await self.done(*arguments, "--json"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A database for this module."""
    postgres_server.execute(
        f"CREATE DATABASE {DATABASE} TEMPLATE picloud_template STRATEGY file_copy"
    )
    yield postgres_server.url(DATABASE)
    postgres_server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(database_url: str, snapshot: Path) -> AsyncIterator[NodeProcess]:
    """A node with the default settings."""
    async with (
        make_pool(database_url, name="tests") as pool,
        running_node(pool, database_url, snapshot) as node,
    ):
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manager(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ManagerProcess]:
    """A manager that has made its owner."""
    async with running_manager(tmp_path_factory.mktemp("manager"), database_url) as manager:
        yield manager


@pytest_asyncio.fixture(loop_scope="module")
async def author(manager: ManagerProcess, tmp_path: Path) -> Author:
    """The owner, logged in."""
    author = Author(tmp_path / "config", manager)
    await author.done("login", manager.url, "--email", EMAIL, "--password", PASSWORD)
    return author


async def request(node: NodeProcess, app: str, name: str) -> None:
    """One GET, repeated while the node has not loaded a new route yet."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await node.client.get(f"/x/{app}/hello?name={name}")
            if answer.status_code == 200:
                return
            await asyncio.sleep(0.02)


async def recorded(author: Author, *arguments: str, count: int) -> Any:
    """A list of `pic`, once it is as long as it must become."""
    async with asyncio.timeout(PATIENCE):
        while True:
            listed = await author.json(*arguments)
            if len(listed) >= count:
                return listed


async def test_a_log_in_lasts_until_the_log_out(author: Author) -> None:
    assert (await author.json("whoami"))["user"]["email"] == EMAIL
    wrong = await author.pic("login", author.manager.url, "--email", EMAIL, "--password", "no")
    assert wrong.code == 3
    assert (await author.json("logout"))["sessionEnded"] is True
    assert (await author.pic("whoami")).code == 3


async def test_apps_are_created_once_and_listed(author: Author) -> None:
    assert (await author.json("apps", "create", "once"))["name"] == "once"
    assert "once" in [app["name"] for app in await author.json("apps", "list")]
    again = await author.pic("apps", "create", "once", "--json")
    assert (again.code, json.loads(again.err)["error"]["code"]) == (1, "name_taken")
    bad = await author.pic("apps", "create", "Not a name!", "--json")
    assert json.loads(bad.err)["error"]["code"] == "invalid_input"
    assert json.loads(bad.err)["error"]["fields"][0]["field"] == "name"


async def test_what_is_not_there_is_not_found(author: Author) -> None:
    await author.done("apps", "create", "empty")
    for arguments in [
        ("deploy", str(HELLO), "--app", "none"),
        ("scripts", "list", "--app", "none"),
        ("versions", "empty/none"),
        ("invocations", "empty/none"),
        ("logs", "empty/none"),
        ("logs", "none", "-f"),
    ]:
        ended = await author.pic(*arguments)
        assert (ended.code, ended.out) == (4, ""), arguments


async def test_a_deployed_script_is_called_recorded_and_logged(
    author: Author, node: NodeProcess
) -> None:
    await author.done("apps", "create", "demo")
    deployed = await author.json("deploy", str(HELLO), "--app", "demo")
    assert (deployed["created"], deployed["version"]["number"]) == (True, 1)
    await request(node, "demo", "you")
    (run,) = await recorded(author, "invocations", "demo/hello", count=1)
    assert (run["outcome"], run["status"], run["version"]["number"]) == ("OK", 200, 1)
    (line,) = (await author.done("logs", "demo/hello", "--json")).splitlines()
    assert json.loads(line)["text"] == "hello you"
    assert json.loads(line)["invocationId"] == run["invocationId"]
    assert " hello hello you\n" in await author.done("logs", "demo")
    assert (await author.done("logs", "demo/hello", "--level", "error")) == ""
    (version,) = await author.json("versions", "demo/hello")
    assert (version["active"], version["createdBy"]) == (True, {"email": EMAIL})
    (script,) = await author.json("scripts", "list", "--app", "demo")
    assert script["activeVersion"]["number"] == 1


async def test_a_broken_source_is_refused_and_the_version_stays(
    author: Author, node: NodeProcess, tmp_path: Path
) -> None:
    await author.done("apps", "create", "broken")
    await author.done("deploy", str(HELLO), "--app", "broken")
    broken = tmp_path / "hello.py"
    broken.write_text("def handler(request):\n    return foo(\n")
    ended = await author.pic("deploy", str(broken), "--app", "broken")
    assert ended.code == 1
    assert f"{broken}:2:15: SyntaxError: '(' was never closed\n" in ended.err
    assert "\n    return foo(\n              ^\n" in ended.err
    broken.write_text("x = 1\n")
    ended = await author.pic("deploy", str(broken), "--app", "broken", "--json")
    assert json.loads(ended.err)["error"]["code"] == "entry_point_missing"
    assert [entry["number"] for entry in await author.json("versions", "broken/hello")] == [1]
    await request(node, "broken", "still")


async def test_more_log_records_than_a_page_are_read_without_gap(
    author: Author, node: NodeProcess, tmp_path: Path
) -> None:
    chatty = tmp_path / "hello.py"
    chatty.write_text("def handler(request):\n    for n in range(250):\n        print(n)\n")
    await author.done("apps", "create", "chatty")
    await author.done("deploy", str(chatty), "--app", "chatty")
    async with asyncio.timeout(PATIENCE):
        while True:
            if (await node.client.get("/x/chatty/hello")).status_code == 204:
                break
            await asyncio.sleep(0.02)
    await recorded(author, "invocations", "chatty/hello", count=1)
    lines = (await author.done("logs", "chatty/hello", "-n", "225", "--json")).splitlines()
    assert [json.loads(line)["text"] for line in lines] == [str(n) for n in range(25, 250)]


async def test_a_live_tail_loses_and_repeats_nothing_when_the_manager_is_killed(
    author: Author, node: NodeProcess
) -> None:
    await author.done("apps", "create", "tail")
    await author.done("deploy", str(HELLO), "--app", "tail")
    await request(node, "tail", "before")
    await recorded(author, "invocations", "tail/hello", count=1)
    tail = await author.start("logs", "tail/hello", "-f", "--json")
    assert tail.stdout is not None
    assert json.loads(await tail.stdout.readline())["text"] == "hello before"
    for number in range(5):
        await request(node, "tail", str(number))
    await tail.stdout.readline()
    await author.manager.kill()
    for number in range(5, 10):
        await request(node, "tail", str(number))
    await author.manager.start()
    for number in range(10, 15):
        await request(node, "tail", str(number))
    async with asyncio.timeout(PATIENCE):
        texts = [json.loads(await tail.stdout.readline())["text"] for _ in range(14)]
    assert texts == [f"hello {number}" for number in range(1, 15)]
    tail.send_signal(signal.SIGINT)
    out, _ = await asyncio.wait_for(tail.communicate(), PATIENCE)
    assert (tail.returncode, out) == (0, b"")
