"""What a node says of its isolation, and that it does not serve without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from picloud.executor.isolation import REQUIRED
from picloud.store.database import Pool
from support import container
from support.node import NodeProcess, running_node

HELLO = "def handler(request):\n    return 'hello'\n"
WEAK = container.put_on(container.old_kernel())


async def stored(pool: Pool) -> dict[str, Any]:
    isolation: dict[str, Any] = json.loads(
        await pool.fetchval("SELECT isolation FROM cluster_nodes")
    )
    return isolation


async def test_a_node_tells_its_level_and_every_layer(node: NodeProcess) -> None:
    isolation = await stored(node.pool)
    assert isolation["level"] in ("full", "portable")
    active = {layer["name"] for layer in isolation["layers"] if layer["active"]}
    assert set(REQUIRED) <= active
    assert (await node.client.get("/readyz")).text == "ready\n"


async def test_a_node_without_a_needed_layer_does_not_start(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    with pytest.raises(RuntimeError, match=r"isolation_missing|would not be isolated.*landlock"):
        async with running_node(pool, database_url, snapshot, before=WEAK):
            pytest.fail("it serves")


async def test_weak_isolation_can_be_allowed_and_is_shown_everywhere(
    pool: Pool, database_url: str, snapshot: Path
) -> None:
    settings = {"PICLOUD_ALLOW_WEAK_ISOLATION": "1"}
    async with running_node(pool, database_url, snapshot, settings, before=WEAK) as node:
        assert (await node.client.get("/readyz")).text == "ready, with weak isolation\n"
        isolation = await stored(pool)
        assert isolation["level"] == "weak"
        missing = [layer["name"] for layer in isolation["layers"] if not layer["active"]]
        assert "landlock" in missing
        assert "weak_isolation_allowed" in node.log.read_text()
        await node.deploy("hello", HELLO)
        assert (await node.client.get("/x/demo/hello")).text == "hello"
