"""The promises that concern PiCloud alone: first requests, deploys, logs, memory, Caddy's share."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from typing import Final

from picloud.bench import client, procfs, stats
from picloud.bench.client import Connection
from picloud.bench.handlers import HANDLERS
from picloud.bench.platform import APP, FRESH_APP, Platform, source
from picloud.bench.promises import PROMISES
from picloud.bench.results import Row, Sample
from picloud.bench.server import HOST
from picloud.bench.throughput import Bench, figures, pairs

MB: Final = 1e6
_SEEN: Final = 10.0  # seconds until a log record or a version counts as lost
_BATCH: Final = 10  # sandboxes of the memory row, and first requests per empty pool


class NotMeasuredError(Exception):
    """What was measured was not what the row promises."""


def row(key: str, value: float | None, note: str, samples: Sequence[float] = ()) -> Row:
    """A row of the table."""
    return Row(promise=PROMISES[key], value=value, note=note, samples=tuple(samples))


def request(platform: Platform, script: str, query: str = "") -> bytes:
    """A GET of a script at the node's own port."""
    return client.request_bytes("GET", f"/x/{APP}/{script}{query}", f"{HOST}:{platform.node_port}")


def first(platform: Platform, count: int) -> Row:
    """Deploy a script, wait until blank sandboxes are ready, time its first request."""
    names = [f"first-{number}" for number in range(count)]
    times = []
    for name in names:
        platform.api.deploy(APP, name, source("hello"))
        platform.settle()
        times.append(first_request(platform, name))
    platform.settle()  # the records are written within a batch
    cold = sum(platform.api.was_cold(APP, name) is True for name in names)
    note = f"p95 {stats.percentile(times, 0.95):.1f} ms; {cold} of {count} recorded as cold"
    return row("first", stats.percentile(times, 0.5), note, times)


def first_request(platform: Platform, script: str) -> float:
    """Milliseconds of one request on an open connection."""
    handler = HANDLERS["hello"]
    with Connection(HOST, platform.node_port) as connection:
        start = time.perf_counter()
        answer = connection.ask(request(platform, script))
        taken = 1000 * (time.perf_counter() - start)
    handler.check(answer.status, answer.body)
    return taken


def cold_ones(platform: Platform, names: Sequence[str], times: Sequence[float]) -> list[float]:
    """The times of those invocations whose records say that they were cold starts; raises
    `NotMeasuredError` when fewer than half were."""
    platform.settle()
    kinds = [platform.api.was_cold(APP, name) for name in names]
    kept = [taken for taken, kind in zip(times, kinds, strict=True) if kind]
    if 2 * len(kept) < len(times):
        raise NotMeasuredError(f"only {len(kept)} of {len(times)} invocations were cold starts")
    return kept


def cold(platform: Platform, batches: int) -> list[Row]:
    """First requests right after a start without blank sandboxes; then the memory of the ten."""
    names = [f"cold-{number}" for number in range(batches * _BATCH)]
    for name in names:
        platform.api.deploy(APP, name, source("hello"))
    kept: list[float] = []
    for number in range(batches):
        batch = names[number * _BATCH : (number + 1) * _BATCH]
        platform.restart(blank_sandboxes=0)
        platform.settle()
        times = [first_request(platform, name) for name in batch]
        kept += cold_ones(platform, batch, times)
    note = f"p95 {stats.percentile(kept, 0.95):.0f} ms, {len(kept)} of {len(names)} were cold"
    return [row("cold", stats.percentile(kept, 0.5), note, kept), memory(platform)]


def memory(platform: Platform) -> Row:
    """Memory of the sandboxes when nothing but ten bound ones runs."""
    pids = platform.sandboxes()
    if len(pids) != _BATCH:
        raise NotMeasuredError(f"{len(pids)} sandboxes run, not the {_BATCH} bound ones")
    sizes = [procfs.pss(pid) / MB for pid in pids]
    note = f"largest {max(sizes):.1f} MB"
    return row("memory", sum(sizes) / len(sizes), note, sizes)


def deploy(platform: Platform, count: int) -> Row:
    """Deploy a new version, then ask until it answers."""
    times = []
    with Connection(HOST, platform.node_port) as connection:
        for number in range(count + 1):
            text = f"def handler(request):\n    return {{'version': {number}}}\n"
            platform.api.deploy(APP, "deployed", text)
            start = time.perf_counter()
            while _version(connection, request(platform, "deployed")) != number:
                if time.perf_counter() - start > _SEEN:
                    raise NotMeasuredError(f"version {number} never served")
            times.append(1000 * (time.perf_counter() - start))
            platform.settle()
    times = times[1:]  # the first one made the script
    note = f"p50 {stats.percentile(times, 0.5):.1f} ms over {count} deploys"
    return row("deploy", stats.percentile(times, 0.95), note, times)


def _version(connection: Connection, asked: bytes) -> int | None:
    answer = connection.ask(asked)
    if answer.status == 404:
        return None  # the very first version has no route yet
    if answer.status != 200:
        raise NotMeasuredError(f"a deploy made the script answer {answer.status}: {answer.body!r}")
    number: int = json.loads(answer.body)["version"]
    return number


def log(platform: Platform, count: int) -> Row:
    """Print the time in a script, and wait for the record at a subscriber."""
    platform.api.deploy(APP, "clock", source("clock"))
    times = []
    with (
        platform.api.log_tail(APP, "clock") as tail,
        Connection(HOST, platform.node_port) as connection,
    ):
        platform.settle()
        for number in range(count + 1):
            mark = f"mark{number}-"
            sent = time.time_ns()
            connection.ask(request(platform, "clock", f"?mark={mark}"))
            answered = time.time_ns()
            printed = int(tail.wait_for(mark, _SEEN).split()[1])
            # The clock of a sandbox is not trusted beyond what we saw ourselves.
            times.append((time.time_ns() - min(max(printed, sent), answered)) / 1e6)
            time.sleep(random.uniform(0.1, 0.3))  # noqa: S311  # not in step with the batches
    times = times[1:]  # the first one waited for its sandbox
    note = f"p95 {stats.percentile(times, 0.95):.0f} ms over {count} records"
    return row("log", stats.percentile(times, 0.5), note, times)


def fresh(platform: Platform, bench: Bench) -> tuple[list[Row], list[Sample]]:
    """Requests per second when each is given an interpreter as it was before the first."""
    platform.api.create_app(FRESH_APP)
    platform.api.deploy(FRESH_APP, "hello", source("hello"), isolation="INVOCATION")
    samples = bench.rounds((platform.fresh_server(),), ("hello",))
    if not samples:
        raise NotMeasuredError("; ".join(bench.faults.values()))
    rates = [sample.value for sample in samples]
    note = f"{len(rates)} rounds, {min(rates):.0f} to {max(rates):.0f}"
    return [row("fresh", stats.median(rates), note, rates)], samples


def caddy(platform: Platform, bench: Bench) -> tuple[list[Row], list[Sample]]:
    """What Caddy in front costs."""
    servers = (platform.server(), platform.through_caddy())
    samples = bench.rounds(servers, ("hello", "latency"))
    ours, theirs = servers[1].name, servers[0].name
    hello = pairs(samples, "hello", ours, theirs)
    latency = pairs(samples, "latency", ours, theirs)
    if not (hello and latency):
        raise NotMeasuredError("; ".join(bench.faults.values()))
    ratios = [mine.value / other.value for mine, other in hello]
    more = [1000 * (mine.value - other.value) for mine, other in latency]
    rows = [
        row("caddy/hello", stats.median(ratios), figures(hello), ratios),
        row("caddy/latency", stats.median(more), figures(latency), more),
    ]
    return rows, [sample for sample in samples if sample.server == ours]
