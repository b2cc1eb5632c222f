"""Stock Pyodide in plain Node.js, without any flag, in the jail: the jail alone holds every attack.

What stays inside the attacker's own process (its JavaScript, its pid, its end of the link) is safe.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from escape import case as cases
from escape.case import Case
from escape.runners import Jailer, Supply, bare_jail
from escape.world import ENVIRONMENT, OWN, World
from support import sandboxes

# An attacker that is stuck or dead is the node's business; the jail has no part in it.
CASES = [case for case in cases.every() if case.canary not in ("time", "death")]


@pytest.fixture(scope="module", params=sandboxes.LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """All layers the machine grants, or those that a default container has too."""
    return str(request.param)


@pytest.fixture(scope="module")
def user(level: str) -> int:
    """Whom the spawner belongs to: for the portable level somebody without any power."""
    return sandboxes.users()[-1] if level == "portable" else os.geteuid()


@pytest.fixture(scope="module")
def supply(stock_snapshot: Path, level: str, user: int) -> Iterator[Supply]:
    """Bare runners in the jail, whose spawner has a secret in its environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        jailer = Jailer(user, sandboxes.at_level(bare_jail(stock_snapshot), level))
        supply = Supply(jailer.start)
        yield supply
        supply.close()
        jailer.close()


def test_the_other_layers_are_off_and_scripts_run(supply: Supply, world: World) -> None:
    (case,) = (case for case in cases.every() if case.name == "s06_eval")
    outcome = supply.attack(case, world)
    assert outcome.alive
    assert outcome.touched == {"code"}, outcome.said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_jail_alone_holds_it(case: Case, supply: Supply, user: int) -> None:
    world = World(user)
    try:
        outcome = supply.attack(case, world)
    finally:
        world.close()
    assert not outcome.touched - OWN, outcome.said
