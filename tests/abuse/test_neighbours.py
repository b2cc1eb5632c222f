"""A script that abuses the machine does not hurt its neighbours.

Latencies are compared within one round, quiet and abused one after the other. The promise is of the
99th percentile. Other work on the machine can only add to it, so the best round decides, and more
rounds are tried while none is within the bound; the median of the rounds is printed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from abuse.callers import measure, pushing
from abuse.scripts import ABUSES, LIMITS, QUIET
from picloud.store.database import Pool
from support.node import running_node

ROUNDS = 5
MOST_ROUNDS = 12
SECONDS = 0.7  # of each half of a round
AT_ONCE = 4
WORST_RATIO = 2.0  # of the 99th percentiles


@pytest.mark.parametrize("kind", ABUSES)
async def test_a_neighbour_does_not_notice(
    kind: str,
    pool: Pool,
    database_url: str,
    snapshot: Path,
    record_property: Callable[[str, object], None],
) -> None:
    abuse = ABUSES[kind]
    async with running_node(pool, database_url, snapshot) as node:
        await node.deploy("quiet", QUIET, app="good")
        await node.deploy("abuse", abuse.source, app="bad", limits=LIMITS)
        await measure(node.socket, "/x/good/quiet", 0.3)  # warm
        ratios: list[float] = []
        middles: list[float] = []
        seen: set[int] = set()
        while len(ratios) < ROUNDS or (len(ratios) < MOST_ROUNDS and min(ratios) > WORST_RATIO):
            quiet = await measure(node.socket, "/x/good/quiet", SECONDS)
            async with pushing(node.client, "/x/bad/abuse", AT_ONCE) as statuses:
                abused = await measure(node.socket, "/x/good/quiet", SECONDS)
            seen |= statuses.keys()
            assert (quiet.errors, abused.errors) == (0, 0)
            ratios.append(abused.p99 / quiet.p99)
            middles.append(abused.p50 / quiet.p50)
        p99, p50 = statistics.median(ratios), statistics.median(middles)
        record_property("p99_ratio", round(p99, 2))
        record_property("p50_ratio", round(p50, 2))
        print(f"{kind}: p99 × {p99:.2f}, p50 × {p50:.2f}; abuser saw {sorted(seen)}")
        assert seen <= abuse.statuses
        assert min(ratios) <= WORST_RATIO, ratios
