"""A real node with every layer: each attack is a script of an app of its own.

Afterwards no canary is touched, nothing of a secret is in the answer, the logs or the database. The
app next door is served all the while.
"""

from __future__ import annotations

import json

import pytest

from escape import case as cases
from escape.case import Case
from escape.neighbour import beside, call, records
from escape.world import World
from picloud.domain.limits import Limits
from support.node import NodeProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

IN_A_HURRY = Limits(timeout_ms=500)  # for those who would never end
USUAL = Limits(timeout_ms=3000)


@pytest.mark.parametrize("case", cases.every(), ids=lambda case: case.name)
async def test_every_layer_together_holds_it(case: Case, node: NodeProcess, world: World) -> None:
    app = case.name.replace("_", "-")
    limits = IN_A_HURRY if case.canary == "time" else USUAL
    version = await node.deploy("attack", case.script, app=app, kind="async", limits=limits)
    status, headers, body = await beside(node, call(node, f"/x/{app}/attack", world.job))
    said = body + json.dumps(headers) + await records(node, version)
    assert not world.touched(said, node.sandbox_pids()), said
    assert status in (200, 500, 502, 504), said
