"""What the API says of the machines that run scripts."""

from __future__ import annotations

from datetime import UTC, datetime

from picloud.domain.ids import IdMaker
from picloud.domain.isolation import IsolationLayer, IsolationLevel, NodeIsolation
from picloud.store import cluster_nodes
from support.manager import Client, RunningManager

QUERY = """{ clusterNodes { edges { node {
    number name isolation { level layers { name active detail } }
} } } }"""


async def test_a_node_shows_its_level_and_every_layer(
    manager: RunningManager, owner: Client
) -> None:
    layers = (IsolationLayer("landlock", True, "ABI 7"), IsolationLayer("seccomp", False, "why"))
    await cluster_nodes.register(
        manager.services.pool,
        id=IdMaker().new(),
        name="first",
        started_at=datetime.now(UTC),
        isolation=NodeIsolation(IsolationLevel.WEAK, layers),
    )
    edges = (await owner.ask(QUERY)).data["clusterNodes"]["edges"]
    assert [edge["node"] for edge in edges] == [
        {
            "number": 1,
            "name": "first",
            "isolation": {
                "level": "WEAK",
                "layers": [
                    {"name": "landlock", "active": True, "detail": "ABI 7"},
                    {"name": "seccomp", "active": False, "detail": "why"},
                ],
            },
        }
    ]
