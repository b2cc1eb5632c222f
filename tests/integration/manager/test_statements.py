"""The cost of a query in statements does not grow with the lists in it."""

from __future__ import annotations

import asyncpg
import pytest

from support.manager import CREATE_APP, Client, RunningManager, Writer

from .test_audit import SET_ENV
from .test_tokens import mint, with_token

# One way to each kind of object: with several, two batches of the same kind may or may not meet.
NESTED = (
    "name app { name } routes { pattern url } activeVersion { number createdBy { email } }",
    "url versions(last: 3) { edges { node { number source script { name } } } }",
    "deployments(last: 3) { edges { node { version { number } createdBy { email } } } }",
    "logRecords(last: 3) { liveCursor edges { node { text script { name } } } }",
    "invocations(last: 3) { edges { node { logRecords { edges { node { text } } } } } }",
    "app { tokens(last: 3) { edges { node { name user { email } script { name } } } } }",
    "app { auditEntries(last: 3) { edges { node { action token { name } } } } }",
    "invocations(last: 3) { liveCursor edges { node { version { number } } } }",
)


def nested(fields: str) -> str:
    """All apps with all their scripts, and of each these fields."""
    scripts = f"scripts(first: 100) {{ edges {{ node {{ {fields} }} }} }}"
    return f"{{ apps(first: 100) {{ edges {{ node {{ name url {scripts} }} }} }} }}"


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
        program = await with_token(owner, "DEPLOY", name=name, app=name)
        await mint(owner, "READ", name=f"{name}-only", app=name, script="script-0")
        answer = await program.ask(SET_ENV, app=name, name="A", value="x")
        assert answer.data["envSet"]["__typename"] == "EnvSetSuccess"


async def test_lists_of_1_and_10_and_100_cost_the_same_number_of_statements(
    manager: RunningManager, owner: Client, node: list[str], statements: list[str]
) -> None:
    counts: dict[str, dict[int, int]] = {fields: {} for fields in NESTED}
    for apps, scripts in ((range(1), 1), (range(1, 4), 3), (range(4, 14), 9)):
        await grow(manager, owner, apps, scripts)
        for fields in NESTED:
            statements.clear()
            data = (await owner.ask(nested(fields))).data
            total = sum(len(app["node"]["scripts"]["edges"]) for app in data["apps"]["edges"])
            counts[fields][total] = len(statements)
    for fields, count in counts.items():
        assert list(count) == [1, 10, 100]
        assert len(set(count.values())) == 1, (fields, count)
        assert count[1] < 25
    assert len(node) == 100


async def test_settings_of_many_apps_cost_as_many_statements_as_those_of_one(
    owner: Client, statements: list[str]
) -> None:
    query = """{ apps(first: 100) { edges { node {
      envVariables { edges { node { name value updatedBy { email } } } }
      secrets { edges { node { name hint updatedBy { email } } } }
      egress { mode updatedBy { email } }
    } } } }"""
    counts = []
    for apps in (range(1), range(1, 9)):
        for number in apps:
            name = f"app-{number}"
            await owner.ask(CREATE_APP, name=name)
            for mutation, values in (("envSet", "variables"), ("secretSet", "secrets")):
                pairs = f'{values}: [{{name: "A", value: "1"}}, {{name: "B", value: "2"}}]'
                set_them = f'mutation {{ {mutation}(input: {{app: "{name}", {pairs}}}) '
                payload = (await owner.ask(f"{set_them} {{ __typename }} }}")).data[mutation]
                assert payload["__typename"].endswith("Success")
        statements.clear()
        found = (await owner.ask(query)).data["apps"]["edges"]
        assert [len(app["node"]["secrets"]["edges"]) for app in found] == [2] * len(found)
        counts.append(len(statements))
    assert counts[0] == counts[1] < 15


async def test_many_routes_cost_as_many_statements_as_one(
    owner: Client, node: list[str], statements: list[str]
) -> None:
    query = """{ apps(first: 100) { edges { node { rateLimits { requests } routes(first: 100) {
      edges { node {
        pattern url script { name } createdBy { email } auth { kind } cors { origins }
        rateLimits { requests } shadowedBy { path route { pattern script { name } } }
      } }
    } } } } }"""
    counts = []
    for apps, routes in ((range(1), 1), (range(1, 6), 18)):
        for number in apps:
            app = f"app-{number}"
            await owner.ask(CREATE_APP, name=app)
            await owner.deploy(app, "hello")
            for each in range(routes):
                made = f'app: "{app}", script: "hello", pattern: "/{{a}}/r{each}"'
                create = f"mutation {{ routeCreate(input: {{{made}}}) {{ __typename }} }}"
                payload = (await owner.ask(create)).data["routeCreate"]
                assert payload["__typename"] == "RouteCreateSuccess"
        statements.clear()
        found = (await owner.ask(query)).data["apps"]["edges"]
        total = sum(len(app["node"]["routes"]["edges"]) for app in found)
        counts.append((total, len(statements)))
    assert [total for total, _ in counts] == [2, 97]
    assert counts[0][1] == counts[1][1] < 25
