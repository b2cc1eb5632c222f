"""Real requests through a real node into real sandboxes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from picloud.domain.ids import IdMaker
from picloud.domain.limits import Limits
from picloud.domain.source import Source
from picloud.store import checks
from picloud.store.database import Pool
from support.node import NodeProcess, running_node
from support.postgres import PostgresServer
from support.waiting import eventually

HELLO = """
def handler(request):
    name = request.query.get("name", "world")
    print("hello", name)
    return {"hello": name}
"""
SLEEP = """
import asyncio
async def handler(request):
    await asyncio.sleep(float(request.query.get("s", "1")))
    return "slept"
"""
SPIN = """
def handler(request):
    if request.query.get("spin"):
        print("spinning", flush=True)
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
    return "ok"
"""


async def test_a_request_is_answered_logged_and_recorded(node: NodeProcess) -> None:
    await node.deploy("hello", HELLO)
    answer = await node.client.get("/x/demo/hello?name=you")
    assert (answer.status_code, answer.json()) == (200, {"hello": "you"})
    assert answer.headers["content-security-policy"] == "sandbox"
    (record,) = await node.invocations(1)
    assert str(record["id"]) == answer.headers["picloud-invocation-id"]
    assert (record["outcome"], record["status"], record["cold"]) == ("ok", 200, False)
    assert (record["method"], record["path"]) == ("GET", "/hello")
    (log,) = await node.logs(1)
    assert (log["text"], log["stream"], log["level"]) == ("hello you", "stdout", 20)
    assert (log["invocation_id"], log["number"]) == (record["id"], 1)


async def test_the_host_form_is_the_same_script_in_its_own_origin(node: NodeProcess) -> None:
    await node.deploy("hello", HELLO)
    answer = await node.client.get("/hello", headers={"host": "demo.localhost:8080"})
    assert answer.json() == {"hello": "world"}
    assert "content-security-policy" not in answer.headers


async def test_an_exception_is_a_500_that_tells_its_id_and_nothing_else(node: NodeProcess) -> None:
    await node.deploy("boom", "def handler(request):\n    raise ValueError('a secret')\n")
    answer = await node.client.get("/x/demo/boom")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "script_raised"
    assert answer.json()["error"]["invocation_id"] == answer.headers["picloud-invocation-id"]
    assert "secret" not in answer.text
    (log,) = await node.logs(1)
    assert log["stream"] == "traceback"
    assert "line 2, in handler" in log["text"]
    assert "ValueError: a secret" in log["text"]
    (record,) = await node.invocations(1)
    assert (record["outcome"], record["error_code"]) == ("script_error", "script_raised")


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("def other(request): return 1\n", 500, "handler_missing"),
        ("handler = 3\n", 500, "handler_invalid"),
        ("def handler(): return 1\n", 500, "handler_invalid"),
        ("def handler(request): return object()\n", 500, "answer_invalid"),
        ("def handler(request): return ('x', 99)\n", 500, "answer_invalid"),
        ("1/0\ndef handler(request): return 1\n", 500, "import_failed"),
        ("import os\nos._exit(3)\n", 500, "interpreter_died"),
        ("def handler(request): return b'x' * 20_000_000\n", 502, "answer_too_large"),
    ],
)
async def test_each_fault_of_a_script_has_its_own_code(
    node: NodeProcess, source: str, status: int, code: str
) -> None:
    await node.deploy("bad", source)
    answer = await node.client.get("/x/demo/bad")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    (record,) = await node.invocations(1)
    assert record["error_code"] == code


async def test_unknown_addresses_are_404_and_wrong_methods_405(node: NodeProcess) -> None:
    await node.deploy("only-post", HELLO, method="POST")
    assert (await node.client.get("/x/nobody/hello")).status_code == 404
    assert (await node.client.get("/x/demo/nothing")).json()["error"]["code"] == "not_found"
    wrong = await node.client.get("/x/demo/only-post")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")


async def test_a_body_over_the_limit_is_413_also_without_a_length(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    limit = {"PICLOUD_MAX_REQUEST_BYTES": "300000"}
    echo = "def handler(request): return request.body\n"
    async with running_node(pool, database_url, snapshot, limit) as node:
        await node.deploy("echo", echo)

        async def chunks() -> object:
            for _ in range(4):
                yield b"x" * 100_000

        whole = await node.client.post("/x/demo/echo", content=b"y" * 300_000)
        assert whole.content == b"y" * 300_000
        for answer in (
            await node.client.post("/x/demo/echo", content=b"y" * 300_001),
            await node.client.post("/x/demo/echo", content=chunks()),  # type: ignore[arg-type]
        ):
            assert answer.status_code == 413
            assert "than request_bytes=300000" in answer.json()["error"]["message"]


async def test_a_large_body_goes_both_ways_unchanged(node: NodeProcess) -> None:
    await node.deploy("echo", "def handler(request): return request.body\n")
    body = os.urandom(9_000_000)
    answer = await node.client.post("/x/demo/echo", content=body)
    assert answer.content == body


async def test_a_script_that_loops_is_stopped_and_its_neighbour_does_not_notice(
    node: NodeProcess,
) -> None:
    await node.deploy("spin", SPIN, limits=Limits(timeout_ms=1000))
    await node.deploy("hello", HELLO)
    stuck = asyncio.create_task(node.client.get("/x/demo/spin?spin=1"))
    slowest = 0.0
    while not stuck.done():
        begun = time.monotonic()
        assert (await node.client.get("/x/demo/hello")).status_code == 200
        slowest = max(slowest, time.monotonic() - begun)
    answer = await stuck
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
    assert "timeout_ms=1000" in answer.json()["error"]["message"]
    assert (await node.client.get("/x/demo/spin")).text == "ok"

    async def has_said_all() -> bool:
        texts = [log["text"] for log in await node.logs(2)]
        return "spinning" in texts and any("timeout_ms=1000" in text for text in texts)

    await eventually(has_said_all)
    assert slowest < 5


async def test_an_async_handler_is_cancelled_at_its_deadline_alone(node: NodeProcess) -> None:
    await node.deploy("sleep", SLEEP, kind="async", limits=Limits(timeout_ms=500))
    late, early = await asyncio.gather(
        node.client.get("/x/demo/sleep?s=30"), node.client.get("/x/demo/sleep?s=0.3")
    )
    assert late.status_code == 504
    assert (early.status_code, early.text) == (200, "slept")
    before = node.sandbox_pids()
    assert (await node.client.get("/x/demo/sleep?s=0")).text == "slept"
    assert node.sandbox_pids() == before


async def test_async_handlers_interleave(node: NodeProcess) -> None:
    await node.deploy("sleep", SLEEP, kind="async")
    await node.client.get("/x/demo/sleep?s=0")
    begun = time.monotonic()
    answers = await asyncio.gather(*(node.client.get("/x/demo/sleep?s=0.5") for _ in range(20)))
    assert all(answer.text == "slept" for answer in answers)
    assert time.monotonic() - begun < 20 * 0.5 / 2


async def test_a_killed_sandbox_fails_one_invocation_and_is_replaced(node: NodeProcess) -> None:
    await node.deploy("spin", SPIN)
    assert (await node.client.get("/x/demo/spin")).text == "ok"
    stuck = asyncio.create_task(node.client.get("/x/demo/spin?spin=1"))
    await node.logs(1)
    for pid in node.sandbox_pids():
        os.kill(pid, signal.SIGKILL)
    answer = await stuck
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "sandbox_died")
    assert answer.headers["picloud-invocation-id"]
    assert (await node.client.get("/x/demo/spin")).text == "ok"


async def test_many_requests_at_once_each_get_their_own_answer(node: NodeProcess) -> None:
    await node.deploy("hello", HELLO)
    names = [f"n{number}" for number in range(300)]
    answers = await asyncio.gather(
        *(node.client.get("/x/demo/hello", params={"name": name}) for name in names)
    )
    assert [answer.json()["hello"] for answer in answers] == names
    records = await node.invocations(300)
    assert len({record["id"] for record in records}) == 300
    logs = {log["invocation_id"]: log["text"] for log in await node.logs(300)}
    for answer, name in zip(answers, names, strict=True):
        (text,) = [
            text for id, text in logs.items() if str(id) == answer.headers["picloud-invocation-id"]
        ]
        assert text == f"hello {name}"


async def test_a_full_queue_is_429_with_retry_after(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_QUEUE_SIZE": "1", "PICLOUD_MAX_SANDBOXES_PER_SCRIPT": "1"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("spin", SPIN, limits=Limits(timeout_ms=1500))
        answers = await asyncio.gather(*(node.client.get("/x/demo/spin?spin=1") for _ in range(5)))
        rejected = [answer for answer in answers if answer.status_code == 429]
        assert rejected
        assert rejected[0].headers["retry-after"] == "1"
        assert "queue_size=1" in rejected[0].json()["error"]["message"]


async def test_running_invocations_end_on_their_version_while_a_new_one_serves(
    node: NodeProcess,
) -> None:
    source = "import asyncio\nasync def handler(request):\n    {}\n    return '{}'\n"
    await node.deploy("page", source.format("await asyncio.sleep(1)", "one"), kind="async")
    old = asyncio.create_task(node.client.get("/x/demo/page"))
    await asyncio.sleep(0.5)
    await node.deploy("page", source.format("pass", "two"), kind="async")
    assert (await node.client.get("/x/demo/page")).text == "two"
    assert (await old).text == "one"


async def test_a_streamed_answer_arrives_in_pieces(node: NodeProcess) -> None:
    await node.deploy(
        "count",
        "import asyncio\n"
        "async def handler(request):\n"
        "    for number in range(3):\n"
        "        yield f'{number}\\n'\n"
        "        await asyncio.sleep(0.2)\n",
        kind="async",
    )
    pieces = []
    async with node.client.stream("GET", "/x/demo/count") as answer:
        async for piece in answer.aiter_text():
            pieces.append((piece, time.monotonic()))
    assert "".join(piece for piece, _ in pieces) == "0\n1\n2\n"
    assert pieces[-1][1] - pieces[0][1] > 0.1


@pytest.mark.parametrize("how", ["def", "async def"])
async def test_a_stream_that_is_over_at_once_arrives_whole(node: NodeProcess, how: str) -> None:
    kind = "async" if how == "async def" else "generator"
    source = f"{how} handler(request):\n    yield 'one,'\n    yield 'two,'\n    yield 'three'\n"
    await node.deploy("quick", source, kind=kind)
    for _ in range(10):
        answers = await asyncio.gather(*(node.client.get("/x/demo/quick") for _ in range(20)))
        assert {answer.text for answer in answers} == {"one,two,three"}


async def test_a_stream_that_breaks_off_is_not_taken_for_whole(node: NodeProcess) -> None:
    await node.deploy("half", "def handler(request):\n    yield 'a' * 1000\n    1/0\n")
    with pytest.raises(httpx.RemoteProtocolError):
        await node.client.get("/x/demo/half")
    (record,) = await node.invocations(1)
    assert (record["outcome"], record["status"]) == ("script_error", 200)


async def test_a_caller_that_leaves_cancels_its_stream(node: NodeProcess) -> None:
    await node.deploy(
        "endless",
        "import asyncio\n"
        "async def handler(request):\n"
        "    while True:\n"
        "        yield b'x' * 1000\n"
        "        await asyncio.sleep(0.01)\n",
        kind="async",
    )
    async with node.client.stream("GET", "/x/demo/endless") as answer:
        async for _ in answer.aiter_bytes():
            break
    (record,) = await node.invocations(1)
    assert record["outcome"] == "cancelled"


async def test_sigterm_lets_invocations_in_flight_end(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    async with running_node(pool, database_url, snapshot) as node:
        await node.deploy("sleep", SLEEP, kind="async")
        await node.client.get("/x/demo/sleep?s=0")
        running = asyncio.create_task(node.client.get("/x/demo/sleep?s=1.5"))
        await asyncio.sleep(0.5)
        node.process.terminate()
        assert (await running).text == "slept"
        assert await node.process.wait() == 0
        records = await node.invocations(2)
        assert [record["outcome"] for record in records] == ["ok", "ok"]
        assert not node.sandbox_pids()


async def test_more_versions_than_sandboxes_take_turns(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_MAX_SANDBOXES": "2", "PICLOUD_BLANK_SANDBOXES": "0"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        for number in range(4):
            await node.deploy(f"s{number}", f"def handler(request): return 'is {number}'\n")
        for number in (0, 1, 2, 3, 0):
            assert (await node.client.get(f"/x/demo/s{number}")).text == f"is {number}"
        assert len(node.sandbox_pids()) <= 2


async def _checked(node: NodeProcess, check_id: UUID) -> dict[str, Any]:
    for _ in range(500):
        if (result := await checks.read_result(node.pool, check_id)) is not None:
            return result
        await asyncio.sleep(0.02)
    raise AssertionError("no node answered the check")


async def test_a_source_check_is_answered_from_a_sandbox(node: NodeProcess) -> None:
    ids = IdMaker()
    for source, ok in (("def handler(r): return 1\n", True), ("def handler(:\n", False)):
        check_id = ids.new()
        now = datetime.now(UTC)
        await checks.add_check(
            node.pool, id=check_id, source=Source("a.py", source), created_at=now
        )
        async with asyncio.timeout(10):
            while (result := await checks.read_result(node.pool, check_id)) is None:  # noqa: ASYNC110  # a database
                await asyncio.sleep(0.02)
        assert result["ok"] is ok
        if not ok:
            assert (result["error"]["code"], result["error"]["line"]) == ("syntax_error", 1)


async def test_the_platforms_cookies_stay_out_and_a_script_sets_none_here(
    node: NodeProcess,
) -> None:
    await node.deploy(
        "cookies",
        "def handler(request):\n"
        "    return (dict(request.cookies), 200, {'set-cookie': 'picloud_session=evil'})\n",
    )
    answer = await node.client.get(
        "/x/demo/cookies", headers={"cookie": "picloud_session=s; mine=1"}
    )
    assert answer.json() == {"mine": "1"}
    assert "set-cookie" not in answer.headers


async def test_a_status_without_body_has_none_and_a_body_beside_it_is_refused(
    node: NodeProcess,
) -> None:
    await node.deploy("none", "def handler(request):\n    return (request.body, 204)\n")
    empty = await node.client.post("/x/demo/none")
    assert (empty.status_code, empty.content) == (204, b"")
    full = await node.client.post("/x/demo/none", content=b"x")
    assert (full.status_code, full.json()["error"]["code"]) == (500, "answer_invalid")


async def test_a_script_learns_the_address_its_caller_has(node: NodeProcess) -> None:
    await node.deploy("who", "def handler(request):\n    return request.client_ip\n")
    answer = await node.client.get("/x/demo/who", headers={"x-forwarded-for": "192.0.2.7"})
    assert answer.text == "192.0.2.7"


async def test_the_first_request_after_a_check_is_served_by_the_sandbox_that_checked(
    node: NodeProcess,
) -> None:
    source = "def handler(request):\n    return 'checked'\n"
    check_id = IdMaker().new()
    await checks.add_check(
        node.pool, id=check_id, source=Source("a.py", source), created_at=datetime.now(UTC)
    )
    await _checked(node, check_id)
    before = set(node.sandbox_pids())
    await node.deploy("checked", source)
    assert (await node.client.get("/x/demo/checked")).text == "checked"
    (record,) = await node.invocations(1)
    assert record["cold"] is False
    assert before <= set(node.sandbox_pids())


async def test_scripts_answer_and_nothing_is_lost_while_postgresql_is_away(
    node: NodeProcess, postgres_server: PostgresServer
) -> None:
    await node.deploy("hello", HELLO)
    await node.client.get("/x/demo/hello")
    await node.pool.expire_connections()
    postgres_server.stop()
    try:
        for number in range(20):
            answer = await node.client.get(f"/x/demo/hello?name=n{number}")
            assert answer.json() == {"hello": f"n{number}"}
    finally:
        postgres_server.start()
    assert len(await node.invocations(21)) == 21
    texts = [log["text"] for log in await node.logs(21)]
    assert texts == ["hello world", *(f"hello n{number}" for number in range(20))]


async def test_postgresql_killed_under_load_costs_no_answer_and_no_record(
    node: NodeProcess, postgres_server: PostgresServer
) -> None:
    await node.deploy("hello", HELLO)
    await node.pool.expire_connections()
    statuses: list[int] = []
    enough = asyncio.Event()

    async def load() -> None:
        while not enough.is_set():
            statuses.append((await node.client.get("/x/demo/hello")).status_code)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(load())
        for _ in range(3):
            await asyncio.sleep(0.5)
            postgres_server.stop(signal.SIGKILL)
            await asyncio.sleep(0.3)
            postgres_server.start()
        enough.set()
    assert set(statuses) == {200}
    assert node.process.returncode is None
    # Acknowledged batches survive: this server commits synchronously, as the embedded one does.
    assert len(await node.invocations(len(statuses))) == len(statuses)
    assert len(await node.logs(len(statuses))) == len(statuses)
