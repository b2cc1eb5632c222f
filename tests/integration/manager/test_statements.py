"""The cost of a query in statements does not grow with the lists in it."""

from __future__ import annotations

import asyncpg
import pytest

from support.manager import CREATE_APP, Client, RunningManager, Writer

QUERY = """{
  apps(first: 100) { edges { node {
    id name url
    invocations(last: 2) { edges { node { invocationId script { name app { name } } } } }
    scripts(first: 100) { edges { node {
      id name url
      app { name }
      routes { pattern url }
      activeVersion { number createdBy { email } script { name } }
      versions(last: 3) { edges { node { number source } } }
      deployments(last: 3) { edges { node { version { number } createdBy { email } } } }
      logRecords(last: 3) { liveCursor edges { node { text script { name } } } }
      invocations(last: 3) { edges { node { version { number } logRecords { edges { node { text }}}
      } } }
    } } }
  } } }
}"""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent through the pool while the test runs."""
    seen: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        original = getattr(asyncpg.Connection, name)

        async def counted(
            self: object, query: str, *args: object, _original: object = original, **more: object
        ) -> object:
            seen.append(query)
            return await _original(self, query, *args, **more)  # type: ignore[operator]

        monkeypatch.setattr(asyncpg.Connection, name, counted)
    return seen


async def grow(manager: RunningManager, owner: Client, apps: range, scripts: int) -> None:
    """More apps with more scripts in each, and records of all of them."""
    pool = manager.services.pool
    for number in apps:
        name = f"app-{number}"
        await owner.ask(CREATE_APP, name=name)
        for script in range(scripts):
            payload = await owner.deploy(name, f"script-{script}")
            assert payload["__typename"] == "ScriptDeploySuccess"
        rows = await pool.fetch(
            "SELECT script.id, script.app_id FROM scripts AS script"
            " JOIN apps AS app ON app.id = script.app_id WHERE app.name = $1",
            name,
        )
        for at, row in enumerate(rows):
            writer = Writer(pool, number * 100 + at + 1, row["app_id"], row["id"])
            [invocation] = await writer.run("/")
            await writer.log("one", "two", invocation=invocation)


async def test_lists_of_1_and_10_and_100_cost_the_same_number_of_statements(
    manager: RunningManager, owner: Client, node: list[str], statements: list[str]
) -> None:
    counts: dict[int, int] = {}
    shown: dict[int, int] = {}
    for apps, scripts in ((range(1), 1), (range(1, 4), 3), (range(4, 14), 9)):
        await grow(manager, owner, apps, scripts)
        await owner.ask(QUERY)
        statements.clear()
        data = (await owner.ask(QUERY)).data
        total = sum(len(app["node"]["scripts"]["edges"]) for app in data["apps"]["edges"])
        shown[total] = len(str(data))
        counts[total] = len(statements)
    assert list(counts) == [1, 10, 100]
    assert len(set(counts.values())) == 1, counts
    assert shown[1] < shown[10] < shown[100]
    assert len(node) == 100
