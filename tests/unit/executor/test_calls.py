"""Calls of a sandbox: what is served, what waits, and what costs the sandbox its life."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from picloud.domain.fetch import Fetch
from picloud.executor import calls as calls_module
from picloud.executor import frames
from picloud.executor.calls import Call, Caller, CallFailed, CallLimits, Calls
from picloud.executor.messages import LinkError

PATIENCE = 10.0


class Invocation:
    def took_fetch(self, fetch: Fetch) -> None:
        raise NotImplementedError


class Sandbox:
    """The sandbox's end of its call socket, and the node's calls at the other."""

    def __init__(self, limits: CallLimits) -> None:
        self.loop = asyncio.get_running_loop()
        self.invocation = Invocation()
        self.streams = {0, 1}
        self.seconds = PATIENCE
        self.served: list[Call] = []
        self.release = asyncio.Event()
        self.fault: asyncio.Future[LinkError] = self.loop.create_future()
        self.calls = Calls(self, self, {"echo": self.echo, "hang": self.hang, "fail": self.fail},
                           limits, self.fault.set_result)  # fmt: skip
        self.on_link: list[bytes] = []
        self._decoder = frames.Decoder()
        self._arrived: list[frames.Frame] = []

    async def listen(self) -> None:
        ours, theirs = socket.socketpair()
        await self.calls.listen(theirs)
        self.reader, self.writer = await asyncio.open_unix_connection(sock=ours)

    def caller(self, stream: int) -> tuple[Caller | None, float] | None:
        return (
            (self.invocation, self.loop.time() + self.seconds) if stream in self.streams else None
        )

    def hops(self) -> int:
        return 3

    def write(self, frame: bytes) -> None:
        self.on_link.append(frame)

    async def writable(self) -> None:
        pass

    async def echo(self, call: Call) -> None:
        self.served.append(call)
        await call.reply({"status": 1}, bytes(call.body), end=True)

    async def hang(self, call: Call) -> None:
        self.served.append(call)
        await self.release.wait()
        await call.reply({"status": 2}, end=True)

    async def fail(self, call: Call) -> None:
        await call.reply({"status": 3}, b"begun", end=False)
        raise CallFailed("no", "not today")

    def call(
        self, id: int, op: str = "echo", body: bytes = b"", end: bool = True, **head: Any
    ) -> None:
        head = {"op": op, "for": 1, **head}
        self.writer.write(frames.encode_call(id, head, body, end))

    async def result(self) -> tuple[int, dict[str, Any], bytes]:
        """The next frame's call, head and part."""
        async with asyncio.timeout(PATIENCE):
            while not self._arrived:
                self._arrived += self._decoder.feed(await self.reader.read(65536))
        kind, _, stream, payload = self._arrived.pop(0)
        assert kind == frames.RESULT
        head, part = frames.split_head(payload)
        return stream, json.loads(head) if head else {}, part

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():  # noqa: ASYNC110  # many conditions, one helper
                await asyncio.sleep(0.005)

    async def broken(self) -> str:
        """Why the sandbox has to go."""
        async with asyncio.timeout(PATIENCE):
            return str(await self.fault)


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Any]]:
    made: list[Sandbox] = []

    async def make_one(**limits: int) -> Sandbox:
        sandbox = Sandbox(CallLimits(**limits))
        await sandbox.listen()
        made.append(sandbox)
        return sandbox

    yield make_one
    for sandbox in made:
        sandbox.calls.close()
        sandbox.writer.close()


Make = Callable[..., Any]


async def test_a_call_is_served_and_answered(make: Make) -> None:
    sandbox = await make()
    sandbox.call(1, body=b"hello")
    assert await sandbox.result() == (1, {"status": 1}, b"hello")
    assert (sandbox.calls.open, sandbox.served[0].hops) == (0, 3)


async def test_a_body_may_come_in_parts(make: Make) -> None:
    sandbox = await make()
    sandbox.call(7, body=b"a", end=False)
    sandbox.writer.write(frames.encode_call(7, None, b"b", False))
    sandbox.writer.write(frames.encode_call(7, None, b"c", True))
    assert await sandbox.result() == (7, {"status": 1}, b"abc")


async def test_calls_on_the_link_are_answered_on_the_link(make: Make) -> None:
    sandbox = await make()
    frame = frames.encode_call(1, {"op": "echo", "for": 0}, b"x", True)
    sandbox.calls.took_on_link(frames.END, 1, frame[frames.HEADER_SIZE :])
    await sandbox.until(lambda: bool(sandbox.on_link))
    assert sandbox.on_link == [frames.encode_result(1, {"status": 1}, b"x", True)]


async def test_a_failure_ends_a_result_that_has_begun(make: Make) -> None:
    sandbox = await make()
    sandbox.call(1, "fail")
    assert await sandbox.result() == (1, {"status": 3}, b"begun")
    error = {"error": {"code": "no", "message": "not today"}}
    assert await sandbox.result() == (1, error, b"")


async def test_more_calls_than_are_served_at_once_wait(make: Make) -> None:
    sandbox = await make(at_once=3)
    for id in range(1, 9):
        sandbox.call(id, "hang")
    await sandbox.until(lambda: sandbox.calls.open == 8)
    assert len(sandbox.served) == 3
    sandbox.release.set()
    assert [(await sandbox.result())[0] for _ in range(8)] == list(range(1, 9))


async def test_calls_beyond_the_pace_wait(make: Make) -> None:
    sandbox = await make(per_second=20)
    for id in range(1, 25):
        sandbox.call(id)
    began = asyncio.get_running_loop().time()
    for _ in range(24):
        await sandbox.result()
    assert asyncio.get_running_loop().time() - began >= 0.1  # four more than one second's share


async def test_a_call_ends_with_its_invocation(make: Make) -> None:
    sandbox = await make(at_once=1)
    sandbox.call(1, "hang")
    sandbox.call(2, "hang")  # waits
    sandbox.call(3, body=b"half", end=False)
    await sandbox.until(lambda: sandbox.calls.open == 3)
    sandbox.calls.invocation_ended(sandbox.invocation)
    codes = [await sandbox.result() for _ in range(3)]
    assert sorted(id for id, _, _ in codes) == [1, 2, 3]
    assert {head["error"]["code"] for _, head, _ in codes} == {"cancelled"}
    sandbox.call(4, body=b"next")
    assert await sandbox.result() == (4, {"status": 1}, b"next")


async def test_a_call_ends_at_the_deadline_of_its_invocation(make: Make) -> None:
    sandbox = await make()
    sandbox.seconds = 0.05
    sandbox.call(1, "hang")
    _, head, _ = await sandbox.result()
    assert head["error"] == {"code": "timeout", "message": "the invocation's time is over"}
    assert sandbox.calls.open == 0


async def test_a_call_of_no_invocation_is_refused(make: Make) -> None:
    sandbox = await make()
    sandbox.call(1, **{"for": 9})
    assert (await sandbox.result())[1]["error"]["code"] == "cancelled"
    assert sandbox.served == []


async def test_bodies_have_a_bound_for_all_calls_together(make: Make) -> None:
    sandbox = await make(body_bytes=1000)
    sandbox.call(1, body=bytes(600), end=False)
    sandbox.call(2, body=bytes(600), end=False)
    id, head, _ = await sandbox.result()
    assert (id, head["error"]["code"]) == (2, "request_too_large")
    assert "egress_request_bytes=1000" in head["error"]["message"]
    sandbox.writer.write(frames.encode_call(2, None, bytes(50), True))  # was on its way
    sandbox.writer.write(frames.encode_call(1, None, b"", True))
    assert await sandbox.result() == (1, {"status": 1}, bytes(600))


async def test_the_end_of_a_sandbox_ends_its_calls(make: Make) -> None:
    sandbox = await make()
    sandbox.call(1, "hang")
    await sandbox.until(lambda: bool(sandbox.served))
    task = sandbox.served[0].task
    sandbox.calls.close()
    await sandbox.until(task.done)
    assert (sandbox.calls.open, task.cancelled()) == (0, True)
    assert not sandbox.fault.done()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (frames.encode(frames.HELLO, 0, 0, b"{}"), "type 1 on the call socket"),
        (frames.encode(frames.CALL, 1, 1, b"\xff\xff\xff\xff{}"), "longer than its payload"),
        (frames.encode_call(1, {"op": "echo"}, b"", True), "a call of 'echo'"),
        (frames.encode_call(1, {"op": "root", "for": 1}, b"", True), "a call of 'root'"),
        (frames.encode_call(1, {"op": ["echo"], "for": 1}, b"", True), "a call of"),
        (frames.encode(frames.CALL, 1, 1, b"\x02\0\0\0[]"), "not a JSON object"),
        (frames.encode(frames.CALL, 1, 1, (10**5).to_bytes(4, "little") + b"[" * 10**5), "JSON"),
        (frames.encode_call(1, {"op": "echo", "for": 1, "x": "y" * 300_000}, b"", True), "head"),
        (frames.encode_call(0, {"op": "echo", "for": 1}, b"", True), "call 0 after call 0"),
        (frames.encode_call(1, {"op": "echo", "for": 1}, b"", True) * 2, "call 1 after call 1"),
        (frames.encode_call(5, None, b"x", True), "never began"),
        (b"\xff\xff\xff\x7f" + bytes(8), "announces"),
    ],
)
async def test_what_breaks_the_rules_costs_the_sandbox_its_life(
    make: Make, data: bytes, why: str
) -> None:
    sandbox = await make()
    sandbox.writer.write(data)
    assert why in await sandbox.broken()


async def test_a_flood_costs_the_sandbox_its_life(make: Make) -> None:
    sandbox = await make()
    for id in range(1, 300):
        sandbox.call(id, "hang")
    assert "256 calls at once" in await sandbox.broken()


async def test_half_a_frame_costs_the_sandbox_its_life(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "_HALF_FRAME_SECONDS", 0.05)
    sandbox = await make()
    sandbox.writer.write(frames.encode_call(1, {"op": "echo", "for": 1}, b"", True)[:-1])
    assert "took longer than 0.05 s" in await sandbox.broken()


async def test_a_call_that_comes_too_late_is_not_served(make: Make) -> None:
    sandbox = await make()
    sandbox.seconds = -1.0
    sandbox.call(1)
    assert (await sandbox.result())[1]["error"]["code"] == "timeout"
    assert sandbox.served == []
