"""The bench against a real Starlette, run from the test environment's own packages."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from picloud.bench import load, segment, server
from picloud.bench.client import Connection, request_bytes
from picloud.bench.handlers import HANDLERS, WrongAnswerError
from picloud.bench.load import Target, Wrk
from picloud.bench.rivals import PROGRAMS
from picloud.bench.server import HOST, Child, NotStartedError, Server
from picloud.bench.throughput import Bench, Plan

PLAN = Plan(
    rounds=2, warm_seconds=0.05, seconds={"hello": 0.1, "echo": 0.1, "cpu": 0.1}, requests=50
)
GROUPS = ("hello", "echo", "cpu", "latency")


class Sequential:
    """A generator that asks one after the other; its rate is what a plain loop reaches."""

    name = "sequential"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def rate(self, target: Target, *, connections: int, seconds: float) -> float:
        self.asked.append(target.url)
        handler, address = target.handler, urlsplit(target.url)
        request = request_bytes(handler.method, address.path, HOST, handler.body)
        with Connection(HOST, address.port or 80) as connection:
            times = connection.times(request, 20)
        return len(times) / sum(times)


@pytest.fixture
def starlette(tmp_path: Path) -> Iterator[Server]:
    port = server.free_port()
    options = ["--app-dir", str(PROGRAMS), "--port", str(port), "--no-access-log"]
    child = Child(
        [sys.executable, "-m", "uvicorn", "starlette_app:app", *options], tmp_path / "log"
    )
    try:
        server.wait_until_open(port, child)
        yield Server("starlette", port, "", child)
    finally:
        child.stop()


def test_every_handler_is_measured_in_every_round(starlette: Server) -> None:
    generator = Sequential()
    bench = Bench(PLAN, generator, segment.probe(lambda: {starlette.pid}))
    samples = bench.rounds([starlette], GROUPS)
    assert [(sample.round, sample.what) for sample in samples] == [
        (number, group) for number in (1, 2) for group in GROUPS
    ]
    rates = {sample.what: sample.value for sample in samples}
    assert rates["hello"] > rates["cpu"] > 1
    assert 0 < rates["latency"] < 1
    latency = samples[-1]
    assert latency.p99 is not None
    assert latency.p99 >= latency.value


def test_a_server_that_answers_something_else_is_not_measured(starlette: Server) -> None:
    generator = Sequential()
    bench = Bench(PLAN, generator, segment.probe(lambda: {starlette.pid}))
    wrong = Server("wrong", starlette.port, "/nowhere", starlette.child)
    with pytest.raises(WrongAnswerError, match="404"):
        bench.sample(wrong, "hello", 1)
    assert generator.asked == []


def test_a_server_that_fails_leaves_the_others_figures(starlette: Server) -> None:
    bench = Bench(PLAN, Sequential(), segment.probe(lambda: {starlette.pid}))
    wrong = Server("wrong", starlette.port, "/nowhere", starlette.child)
    samples = bench.rounds([wrong, starlette], ("latency",))
    assert [sample.server for sample in samples] == ["starlette", "starlette"]
    assert "404" in bench.faults["wrong", "latency"]


def test_a_server_that_ends_at_once_is_reported_with_what_it_said(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", "raise SystemExit('no such app')"], tmp_path / "log")
    try:
        with pytest.raises(NotStartedError, match="no such app"):
            server.wait_until_open(server.free_port(), child)
    finally:
        child.stop()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize("name", ["hello", "echo"])
def test_wrk_loads_a_handler_with_its_own_request(
    starlette: Server, tmp_path: Path, name: str
) -> None:
    program = shutil.which("wrk")
    assert program is not None
    generator = Wrk(program, tmp_path)
    assert generator.rate(starlette.target(HANDLERS[name]), connections=2, seconds=1) > 10


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_with_failing_requests_gives_no_rate(starlette: Server, tmp_path: Path) -> None:
    program = shutil.which("wrk")
    assert program is not None
    nowhere = Target(url=f"http://{HOST}:{starlette.port}/nowhere/hello", handler=HANDLERS["hello"])
    with pytest.raises(load.LoadFailedError, match="not 2xx"):
        Wrk(program, tmp_path).rate(nowhere, connections=2, seconds=1)
