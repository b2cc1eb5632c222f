"""Positive control: in the bare runner every attack reaches its canary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from escape import case as cases
from escape.case import Case
from escape.runners import BareProcess, Supply
from escape.world import World

WORKING = [case for case in cases.every() if not case.bare]


@pytest.fixture(scope="module")
def supply(stock_snapshot: Path) -> Iterator[Supply]:
    """Bare runners with nothing around them."""
    supply = Supply(lambda: BareProcess(stock_snapshot))
    yield supply
    supply.close()


@pytest.mark.parametrize("case", WORKING, ids=lambda case: case.name)
def test_the_attack_works_where_nothing_stops_it(case: Case, supply: Supply, world: World) -> None:
    outcome = supply.attack(case, world, until=case.canary)
    assert case.canary in outcome.touched, outcome.said
