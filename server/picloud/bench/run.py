"""One run: starts the servers, measures group after group, stops everything."""

from __future__ import annotations

import dataclasses
import os
import platform as machine
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from websockets.exceptions import WebSocketException

from picloud.bench import idle, load, own, rivals, throughput
from picloud.bench.api import RefusedError
from picloud.bench.handlers import HANDLERS
from picloud.bench.platform import APP, Platform
from picloud.bench.promises import COMPARED, PROMISES
from picloud.bench.results import Report, Row, Sample
from picloud.bench.segment import probe
from picloud.bench.server import NotStartedError, Server
from picloud.bench.throughput import Bench, note, one_line

OURS: Final = "picloud"
# What may go wrong with a server: its rows say so, and the other rows are measured all the same.
FAULTS: Final = (
    *throughput.FAULTS,
    NotStartedError,
    RefusedError,
    own.NotMeasuredError,
    httpx.HTTPError,
    subprocess.SubprocessError,
    WebSocketException,
)
# More than the first requests and the versions of all rows bind, so that none is put out.
_SANDBOXES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller asked for."""

    groups: tuple[str, ...]
    servers: tuple[str, ...]
    rounds: int | None
    quick: bool
    cache: Path
    scratch: Path
    up: tuple[str, ...]


class Run:
    """Measures what the options name."""

    def __init__(self, options: Options) -> None:
        self._options = options
        plan = throughput.QUICK if options.quick else throughput.FULL
        self._plan = dataclasses.replace(plan, rounds=options.rounds or plan.rounds)
        self._roots: set[int] = set()
        self._rows: list[Row] = []
        self._samples: list[Sample] = []
        self._missing: dict[str, str] = {}

    def all(self) -> Report:
        """Everything; the platform is idle first, while it is fresh."""
        started = time.monotonic()
        generator = load.find(self._options.cache, self._options.scratch)
        bench = Bench(self._plan, generator, probe(lambda: self._roots))
        with ExitStack() as stack:
            ours = self._start_ours(stack)
            if ours is not None:
                self._guard(("idle",), lambda: idle.measure(ours, 10 if self._quick else 60))
            self._compare(bench, stack, ours)
            if ours is not None:
                self._own(bench, ours)
        order = list(PROMISES)
        return Report(
            machine=about(generator.name),
            options={
                "quick": self._quick,
                "rounds": self._plan.rounds,
                "groups": list(self._options.groups),
                "minutes": round((time.monotonic() - started) / 60, 1),
            },
            rows=tuple(sorted(self._rows, key=lambda row: order.index(row.promise.key))),
            samples=tuple(self._samples),
        )

    @property
    def _quick(self) -> bool:
        return self._options.quick

    def _start_ours(self, stack: ExitStack) -> Platform | None:
        if OURS not in self._options.servers:
            return None
        note("starting picloud")
        platform = Platform(
            self._options.up, self._options.scratch / OURS, max_sandboxes=_SANDBOXES
        )
        stack.callback(platform.stop)
        try:
            platform.start()
            self._roots.add(platform.pid)
            platform.api.create_app(APP)
            platform.deploy_handlers()
            platform.server().check(HANDLERS["hello"])
        except FAULTS as fault:
            self._fail(self._options.groups, fault)
            return None
        return platform

    def _compare(self, bench: Bench, stack: ExitStack, ours: Platform | None) -> None:
        """The rows against the rivals."""
        groups = [group for group in COMPARED if group in self._options.groups]
        if not groups:
            return
        servers = [] if ours is None else [ours.server()]
        servers += self._start_rivals(stack)
        self._samples += bench.rounds(servers, groups)
        self._rows += throughput.rows(self._samples)
        if ours is not None:
            self._rows += self._missing_rows(bench, groups)

    def _missing_rows(self, bench: Bench, groups: Sequence[str]) -> list[Row]:
        """The rows for which one of the two servers has no figure at all."""
        known = {row.promise.key for row in self._rows}
        rows = []
        for promise in PROMISES.values():
            if promise.group not in groups or promise.key in known:
                continue
            if promise.rival in self._options.servers:
                why = self._missing.get(promise.rival) or "; ".join(
                    f"{server}: {text}"
                    for (server, group), text in bench.faults.items()
                    if group == promise.group and server in (OURS, promise.rival)
                )
                rows.append(Row(promise=promise, value=None, note=why))
        return rows

    def _start_rivals(self, stack: ExitStack) -> Iterator[Server]:
        for name in rivals.RIVALS:
            if name not in self._options.servers:
                continue
            note(f"starting {name}")
            try:
                server = rivals.start(name, self._options.cache, self._options.scratch)
            except FAULTS as fault:
                self._missing[name] = f"{name} did not start: {one_line(fault)}"
                note(self._missing[name])
                continue
            stack.callback(server.stop)
            self._roots.add(server.pid)
            yield server

    def _own(self, bench: Bench, platform: Platform) -> None:
        """The rows of PiCloud alone. Those that restart it come last."""
        few, many = (5, 1) if self._quick else (20, 2)
        self._guard(("caddy",), lambda: self._sampled(own.caddy(platform, bench)))
        self._guard(("first",), lambda: [own.first(platform, few)])
        self._guard(("deploy",), lambda: [own.deploy(platform, few)])
        self._guard(("log",), lambda: [own.log(platform, few)])
        self._guard(("fresh",), lambda: self._sampled(own.fresh(platform, bench)))
        self._guard(("cold", "memory"), lambda: own.cold(platform, many))

    def _sampled(self, measured: tuple[list[Row], list[Sample]]) -> list[Row]:
        rows, samples = measured
        self._samples += samples
        return rows

    def _guard(self, groups: Sequence[str], measure: Callable[[], list[Row]]) -> None:
        """Measure when one of the groups is asked for; a fault becomes rows that say so."""
        wanted = [group for group in groups if group in self._options.groups]
        if not wanted:
            return
        note(f"measuring {', '.join(wanted)}")
        try:
            rows = measure()
        except FAULTS as fault:
            self._fail(wanted, fault)
            return
        self._rows += [row for row in rows if row.promise.group in wanted]

    def _fail(self, groups: Sequence[str], fault: BaseException) -> None:
        why = one_line(fault)
        note(f"{', '.join(groups)}: {why}")
        known = {row.promise.key for row in self._rows}
        self._rows += [
            Row(promise=promise, value=None, note=why)
            for key, promise in PROMISES.items()
            if promise.group in groups and key not in known
        ]


def about(generator: str) -> dict[str, str]:
    """The machine and the tools, for the head of the table."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        machine.machine(),
    )
    return {
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": str(os.cpu_count()),
        "processor": model,
        "python": machine.python_version(),
        "load by": generator,
    }
