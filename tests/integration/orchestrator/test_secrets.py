"""What a node gives to scripts of env and secrets, and what of it may be printed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from picloud.domain.environment import EnvVariable, Secret
from picloud.domain.redaction import MASK
from picloud.store import app_settings, env_variables, routing, secrets
from picloud.store.key_file import KeyFile
from support.node import NodeProcess
from support.waiting import eventually

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHOWS = """
import pic
def handler(request):
    return {"env": dict(pic.env), "secrets": dict(pic.secrets)}
"""
PRINTS = """
import logging, pic
TOKEN = pic.secrets["TOKEN"]
print("imported with", TOKEN)
def handler(request):
    print(f"<{TOKEN}>", pic.env["PLAIN"])
    logging.getLogger("app").error("key: %s", TOKEN)
    raise ValueError(f"bad {TOKEN}")
"""
FAILS = """
import pic
raise ValueError(pic.secrets["TOKEN"])
"""


async def give(
    node: NodeProcess,
    *,
    env: dict[str, str] | None = None,
    secret: dict[str, str] | None = None,
    script: str | None = None,
) -> None:
    """Set env and secrets of the app `demo`, as the manager does."""
    keys = KeyFile(node.socket.parent / "keys" / "secrets.key")
    keys.ensure()
    app_id: UUID = await node.pool.fetchval("SELECT id FROM apps WHERE name = 'demo'")
    script_id: UUID | None = await node.pool.fetchval(
        "SELECT id FROM scripts WHERE app_id = $1 AND name = $2", app_id, script
    )
    whose: dict[str, Any] = {
        "app_id": app_id,
        "script_id": script_id,
        "updated_by": None,
        "updated_at": NOW,
    }
    async with node.pool.acquire() as db, db.transaction():
        revision = await app_settings.raise_revision(db, app_id)
        assert revision is not None
        for name, value in (env or {}).items():
            await env_variables.set_variable(db, EnvVariable(name=name, value=value, **whose))
        vault = await secrets.vault_of(db, app_id, keys, now=NOW)
        for name, value in (secret or {}).items():
            kept = Secret(name=name, hint=None, **whose)
            await secrets.set_secret(db, vault, kept, value=value, revision=revision)
        await routing.notify_routes(db)


async def test_a_scripts_own_values_win_and_are_its_alone(node: NodeProcess) -> None:
    await node.deploy("one", SHOWS)
    await node.deploy("two", SHOWS)
    await give(node, env={"A": "app", "B": "app"}, secret={"S": "app's", "T": "app's"})
    await give(
        node, env={"A": "one", "C": "one"}, secret={"S": "one's", "U": "one's"}, script="one"
    )

    async def both() -> bool:
        one = (await node.client.get("/x/demo/one")).json()
        two = (await node.client.get("/x/demo/two")).json()
        return bool(
            one["env"] == {"A": "one", "B": "app", "C": "one"}
            and one["secrets"] == {"S": "one's", "T": "app's", "U": "one's"}
            and two == {"env": {"A": "app", "B": "app"}, "secrets": {"S": "app's", "T": "app's"}}
        )

    await eventually(both, seconds=5)


async def test_a_value_that_is_printed_is_kept_nowhere(node: NodeProcess) -> None:
    await node.deploy("other", SHOWS)  # makes the app
    await give(node, env={"PLAIN": "shown"}, secret={"TOKEN": "sk-live-0123456789"})
    await node.deploy("prints", PRINTS)
    answer = await node.client.get("/x/demo/prints")
    assert answer.json()["error"]["code"] == "script_raised"
    texts = [row["text"] for row in await node.logs(4)]
    assert not [text for text in texts if "sk-live" in text]
    assert f"imported with {MASK}" in texts
    assert f"<{MASK}> shown" in texts
    assert any(f"key: {MASK}" in text for text in texts)
    assert any(f"ValueError: bad {MASK}" in text for text in texts)


async def test_an_import_that_fails_with_a_value_does_not_tell_it(node: NodeProcess) -> None:
    await node.deploy("other", SHOWS)
    await give(node, secret={"TOKEN": "sk-live-0123456789"})
    await node.deploy("fails", FAILS)
    answer = await node.client.get("/x/demo/fails")
    assert answer.json()["error"]["code"] == "import_failed"
    [invocation] = await node.invocations(1)
    [log] = await node.logs(1)
    assert f"ValueError: {MASK}" in log["text"]
    assert "sk-live" not in f"{answer.text}{invocation}{log}"
