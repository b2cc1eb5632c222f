"""The servers against each other: interleaved rounds of the same segments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from picloud.bench import segment, stats
from picloud.bench.client import Connection, ConnectionEndedError
from picloud.bench.handlers import HANDLERS, Handler, WrongAnswerError
from picloud.bench.load import Generator, LoadFailedError
from picloud.bench.promises import PROMISES
from picloud.bench.results import Row, Sample
from picloud.bench.server import HOST, Server

CONNECTIONS: Final = 32
_WARM_REQUESTS: Final = 200

# What may go wrong with one server: the others are measured all the same.
FAULTS: Final = (ConnectionEndedError, LoadFailedError, OSError, WrongAnswerError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long everything takes. Many short rounds rather than few long ones: what is compared
    is measured within seconds, before a busy machine has changed its speed."""

    rounds: int
    warm_seconds: float
    seconds: dict[str, float]
    requests: int


FULL: Final = Plan(
    rounds=5, warm_seconds=1, seconds={"hello": 3, "echo": 3, "cpu": 2}, requests=4000
)
QUICK: Final = Plan(
    rounds=1, warm_seconds=1, seconds={"hello": 1, "echo": 1, "cpu": 2}, requests=500
)


def note(line: str) -> None:
    """Progress goes to the error output: the table alone is the output."""
    print(line, file=sys.stderr, flush=True)


def one_line(fault: BaseException) -> str:
    """A fault as it fits a table."""
    text = " ".join(f"{type(fault).__name__}: {fault}".split())
    return text.replace("|", "/")[:300]


class Bench:
    """Measures servers, one loaded at a time while the others stand idle."""

    def __init__(self, plan: Plan, generator: Generator, probe: segment.Probe) -> None:
        self._plan = plan
        self._generator = generator
        self._probe = probe
        self.faults: dict[tuple[str, str], str] = {}
        """Why a server has no figure for a handler in some round."""

    def rounds(self, servers: Sequence[Server], groups: Sequence[str]) -> list[Sample]:
        """All segments of all rounds. Every second round goes backwards, so that a machine that
        gets slower or faster favours nobody; a handler's servers follow one another at once."""
        samples = []
        for number in range(1, self._plan.rounds + 1):
            order = list(servers) if number % 2 else list(reversed(servers))
            for group in groups:
                for server in order:
                    try:
                        sample = self.sample(server, group, number)
                    except FAULTS as fault:
                        self.faults[server.name, group] = one_line(fault)
                        note(f"round {number}: {server.name} {group}: {one_line(fault)}")
                        continue
                    samples.append(sample)
                    note(f"round {number}: {describe(sample)}")
        return samples

    def sample(self, server: Server, group: str, number: int) -> Sample:
        """One segment: the answer is checked, the server warmed up, then it is measured."""
        if group == "latency":
            return self._latency(server, number)
        handler = HANDLERS[group]
        server.check(handler)
        self._load(server, handler, self._plan.warm_seconds)
        measured = segment.measure(
            lambda: self._load(server, handler, self._plan.seconds[group]), self._probe
        )
        return _sample(server, group, number, measured, measured.value, None)

    def _load(self, server: Server, handler: Handler, seconds: float) -> float:
        return self._generator.rate(
            server.target(handler), connections=CONNECTIONS, seconds=seconds
        )

    def _latency(self, server: Server, number: int) -> Sample:
        handler = HANDLERS["hello"]
        server.check(handler)
        request = server.request(handler)
        with Connection(HOST, server.port) as connection:
            connection.times(request, _WARM_REQUESTS)
            measured = segment.measure(
                lambda: connection.times(request, self._plan.requests), self._probe
            )
        p50, p99 = stats.percentile(measured.value, 0.5), stats.percentile(measured.value, 0.99)
        return _sample(server, "latency", number, measured, p50, p99)


def _sample(
    server: Server,
    group: str,
    number: int,
    measured: segment.Segment[float] | segment.Segment[list[float]],
    value: float,
    p99: float | None,
) -> Sample:
    return Sample(
        server=server.name, what=group, round=number, value=value, p99=p99,
        others=round(measured.others, 3), steal=round(measured.steal, 3), tries=measured.tries,
        disturbed=measured.disturbed,
    )  # fmt: skip


def describe(sample: Sample) -> str:
    """A sample in a line."""
    if sample.what == "latency":
        figure = f"{sample.value * 1000:.3f} ms"
    else:
        figure = f"{sample.value:,.0f} req/s"
    marks = f", {sample.tries} tries" if sample.tries > 1 else ""
    marks += f", disturbed ({sample.others + sample.steal:.2f} cores)" if sample.disturbed else ""
    return f"{sample.server} {sample.what}: {figure}{marks}"


Pair = tuple[Sample, Sample]


def pairs(samples: Sequence[Sample], what: str, ours: str, theirs: str) -> list[Pair]:
    """Both servers' samples of each round; disturbed rounds only when no other is left."""
    rounds: dict[int, dict[str, Sample]] = {}
    for sample in samples:
        if sample.what == what and sample.server in (ours, theirs):
            rounds.setdefault(sample.round, {})[sample.server] = sample
    both = [(found[ours], found[theirs]) for found in rounds.values() if len(found) == 2]
    return [pair for pair in both if not (pair[0].disturbed or pair[1].disturbed)] or both


def rows(samples: Sequence[Sample], ours: str = "picloud") -> list[Row]:
    """The rows that compare us with the rivals that ran: the median of the rounds' own ratios."""
    found = []
    for promise in PROMISES.values():
        both = pairs(samples, promise.group, ours, promise.rival)
        if not (promise.rival and both):
            continue
        values = [
            1000 * (mine.value - other.value)
            if promise.group == "latency"
            else mine.value / other.value
            for mine, other in both
        ]
        text = figures(both)
        found.append(
            Row(promise=promise, value=stats.median(values), note=text, samples=tuple(values))
        )
    return found


def figures(both: Sequence[Pair]) -> str:
    """The medians that a ratio stands on."""
    mine = stats.median([pair[0].value for pair in both])
    other = stats.median([pair[1].value for pair in both])
    mark = "; disturbed by other load" if any(one.disturbed for one in both[0]) else ""
    if both[0][0].what == "latency":
        return f"{1000 * mine:.3f} ms against {1000 * other:.3f} ms{mark}"
    return f"{mine:,.0f} req/s against {other:,.0f}{mark}"
