"""Every limit of a script, met by real requests: what is answered names it and its value."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from picloud.domain.limits import Limits
from picloud.store.database import Pool
from support.node import NodeProcess, running_node
from support.waiting import eventually

HELLO = "def handler(request): return 'hello'\n"
SEEN = "def handler(request): return dict(request.headers)\n"
STREAM = """
import asyncio
async def handler(request):
    for pause in request.query["pauses"].split(","):
        yield b"x" * int(request.query.get("size", "1"))
        await asyncio.sleep(float(pause))
"""


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def message(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"])


async def test_headers_of_a_request_are_bounded_in_size_and_number(node: NodeProcess) -> None:
    await node.deploy("hello", HELLO, limits=Limits(header_bytes=2048))
    long = await node.client.get("/x/demo/hello", headers={"x-long": "y" * 2048})
    many = await node.client.get("/x/demo/hello", headers={f"x-{n}": "y" for n in range(129)})
    assert error(long) == error(many) == (431, "headers_too_large")
    assert "header_bytes=2048" in message(long)
    assert (await node.client.get("/x/demo/hello")).text == "hello"


async def test_headers_of_an_answer_are_bounded(node: NodeProcess) -> None:
    source = "def handler(r): return 'x', 200, {'x-long': 'y' * int(r.query['n'])}\n"
    await node.deploy("long", source, limits=Limits(header_bytes=2048))
    assert (await node.client.get("/x/demo/long?n=1000")).text == "x"
    answer = await node.client.get("/x/demo/long?n=3000")
    assert error(answer) == (502, "answer_too_large")
    (_, record) = await node.invocations(2)
    assert record["outcome"] == "script_error"
    assert "header_bytes" in record["error"]


async def test_hops_are_counted_hidden_and_bounded(node: NodeProcess) -> None:
    await node.deploy("seen", SEEN)
    seen = await node.client.get("/x/demo/seen", headers={"picloud-hops": "15"})
    assert "picloud-hops" not in seen.json()
    looped = await node.client.get("/x/demo/seen", headers={"picloud-hops": "16"})
    assert error(looped) == (508, "loop_detected")
    assert "16" in message(looped)


async def test_a_rate_is_kept_and_says_when_to_come_back(node: NodeProcess) -> None:
    await node.deploy("hello", HELLO, limits=Limits(rate_per_second=5))
    await node.deploy("other", HELLO)
    answers = [await node.client.get("/x/demo/hello") for _ in range(5)]
    answers += await asyncio.gather(*(node.client.get("/x/demo/hello") for _ in range(20)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert error(refused[0]) == (429, "rate_limited")
    assert refused[0].headers["retry-after"] == "1"
    assert "rate_per_second=5" in message(refused[0])
    assert (await node.client.get("/x/demo/other")).status_code == 200
    await asyncio.sleep(1.1)
    assert (await node.client.get("/x/demo/hello")).status_code == 200


async def test_open_streamed_answers_are_bounded(node: NodeProcess) -> None:
    limits = Limits(open_responses=2)
    await node.deploy("stream", STREAM, kind="async", limits=limits)
    url = "/x/demo/stream?pauses=30"
    async with node.client.stream("GET", url) as one, node.client.stream("GET", url) as two:
        assert one.status_code == two.status_code == 200
        refused = await node.client.get(url)
        assert error(refused) == (503, "too_many_open_responses")
        assert "open_responses=2" in message(refused)
        assert refused.headers["retry-after"] == "1"

    async def is_free() -> bool:
        return (await node.client.get("/x/demo/stream?pauses=0")).status_code == 200

    await eventually(is_free)


async def test_a_stream_may_be_slow_but_not_silent(node: NodeProcess) -> None:
    limits = Limits(timeout_ms=1000, stream_idle_ms=800)
    await node.deploy("stream", STREAM, kind="async", limits=limits)
    slow = await node.client.get("/x/demo/stream?pauses=0.4,0.4,0.4,0.4,0.4,0")
    assert slow.text == "xxxxxx"  # longer than timeout_ms as a whole
    with pytest.raises(httpx.RemoteProtocolError):
        await node.client.get("/x/demo/stream?pauses=20")
    (_, record) = await node.invocations(2)
    assert (record["outcome"], record["error_code"]) == ("timeout", "timeout")
    assert "stream_idle_ms=800" in record["error"]
    assert record["duration_us"] < 10_000_000


async def test_a_stream_ends_at_the_instances_ceiling(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_MAX_STREAM_MS": "1000"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        await node.deploy("stream", STREAM, kind="async")
        with pytest.raises(httpx.RemoteProtocolError):
            await node.client.get("/x/demo/stream?pauses=" + ",".join(["0.1"] * 100))
        (record,) = await node.invocations(1)
        assert "max_stream_ms=1000" in record["error"]


async def test_a_reader_that_stops_reading_does_not_hold_a_stream_open(
    node: NodeProcess,
) -> None:
    await node.deploy("stream", STREAM, kind="async", limits=Limits(stream_idle_ms=1000))
    url = "/x/demo/stream?size=65536&pauses=" + ",".join(["0"] * 150)
    async with node.client.stream("GET", url) as answer:
        assert answer.status_code == 200
        (record,) = await node.invocations(1)  # while we read nothing of it
        assert record["outcome"] == "timeout"
        assert "stream_idle_ms=1000" in record["error"]


async def test_a_script_stopped_at_its_deadline_tells_where_it_was_and_serves_on(
    node: NodeProcess,
) -> None:
    source = (
        "import os\n"
        "me = os.urandom(8).hex()\n"
        "def handler(r):\n"
        "    if r.query.get('spin'):\n"
        "        while True: pass\n"
        "    return me\n"
    )
    await node.deploy("spin", source, limits=Limits(timeout_ms=400, sandboxes=1))
    before = (await node.client.get("/x/demo/spin")).text
    answer = await node.client.get("/x/demo/spin?spin=1")
    assert error(answer) == (504, "timeout")
    assert "timeout_ms=400" in message(answer)

    async def has_traceback() -> bool:
        return any("line 5, in handler" in log["text"] for log in await node.logs(1))

    await eventually(has_traceback)
    assert (await node.client.get("/x/demo/spin")).text == before


async def test_processor_time_is_bounded_from_outside(node: NodeProcess) -> None:
    source = "import time\ndef handler(r):\n    while True: pass\n"
    await node.deploy("burn", source, limits=Limits(timeout_ms=60_000, cpu_ms=500))
    begun = time.monotonic()
    answer = await node.client.get("/x/demo/burn")
    assert error(answer) == (504, "cpu_limit")
    assert "cpu_ms=500" in message(answer)
    assert time.monotonic() - begun < 30


async def test_a_script_that_waits_uses_no_processor_time(node: NodeProcess) -> None:
    source = "import asyncio\nasync def handler(r):\n    await asyncio.sleep(1.5)\n    return 'w'\n"
    await node.deploy("wait", source, kind="async", limits=Limits(cpu_ms=500))
    assert (await node.client.get("/x/demo/wait")).text == "w"


async def test_concurrency_bounds_what_one_sandbox_interleaves(node: NodeProcess) -> None:
    source = (
        "import asyncio\n"
        "running = most = 0\n"
        "async def handler(r):\n"
        "    global running, most\n"
        "    running += 1\n"
        "    most = max(most, running)\n"
        "    await asyncio.sleep(0.05)\n"
        "    running -= 1\n"
        "    return str(most)\n"
    )
    limits = Limits(concurrency=3, sandboxes=1)
    await node.deploy("count", source, kind="async", limits=limits)
    answers = await asyncio.gather(*(node.client.get("/x/demo/count") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert max(int(answer.text) for answer in answers) == 3
    assert len(node.sandbox_pids()) <= 2  # its own, and a blank one


async def test_a_ceiling_that_was_lowered_holds_for_what_was_deployed_before(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_MAX_TIMEOUT_MS": "3000", "PICLOUD_DEFAULT_TIMEOUT_MS": "3000"}
    async with running_node(pool, database_url, snapshot, settings) as node:
        source = "import asyncio\nasync def handler(r): await asyncio.sleep(30)\n"
        await node.deploy("slow", source, kind="async", limits=Limits(timeout_ms=60_000))
        answer = await node.client.get("/x/demo/slow")
        assert error(answer) == (504, "timeout")
        assert "timeout_ms=3000" in message(answer)
