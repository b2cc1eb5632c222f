"""Deleting apps and scripts, undoing it, and what remains when the time for that has run out."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from picloud.domain.deletion import DeletionRules
from picloud.domain.page import LivePosition
from picloud.manager.clock import utc_now
from picloud.manager.graphql.cursors import LIVE_LOG
from picloud.manager.purges import Purges
from picloud.store import routing
from support.changes import change, refused, succeed
from support.manager import CREATE_APP, Client, RunningManager, Writer, running_manager, until
from support.users import a_member, a_user

DELETED_APPS = "{ deletedApps { edges { node { name deletedAt purgeAt deletedBy { email } } } } }"
DELETED_SCRIPTS = """query ($app: String!) { app(name: $app) {
  scripts { edges { node { name } } }
  deletedScripts { edges { node { name purgeAt deletedBy { email } } } }
} }"""
EVERYTHING = """query ($app: String!) { app(name: $app) {
  id name formerNames createdAt viewerRole
  members { edges { node { role user { email } } } }
  envVariables { edges { node { name value } } }
  secrets { edges { node { name hint } } }
  egress { mode allow }
  quotas { name used limit isOwn }
  scripts { edges { node {
    id name createdAt url activeVersion { number source }
    routes { method pattern url } versions { edges { node { number digest } } }
    deployments { edges { node { id } } }
    logRecords { edges { node { text } } }
  } } }
} }"""
RULES = DeletionRules(undo=timedelta(days=7), name_rest=timedelta(days=90))
# Tables with what an app owns: nothing of it may be left.
OWNED = (
    *("apps", "members", "scripts", "versions", "deployments", "routes", "env_variables"),
    *("secrets", "app_keys", "log_records", "invocations"),
)


@pytest.fixture
async def demo(manager: RunningManager, owner: Client, node: list[str]) -> Client:
    """The owner, with an app named demo that has one of everything."""
    await owner.ask(CREATE_APP, name="early")
    await succeed(owner, "appRename", app="early", name="demo")
    await a_member(manager, "demo", "operator")
    await succeed(owner, "envSet", app="demo", variables=[{"name": "A", "value": "1"}])
    await succeed(owner, "secretSet", app="demo", secrets=[{"name": "B", "value": "2"}])
    await succeed(owner, "appEgressSet", app="demo", mode="NONE")
    await succeed(owner, "appQuotaSet", app="demo", quotas=[{"name": "SCRIPTS", "limit": 5}])
    for source in ("x = 1", "x = 2"):
        payload = await owner.deploy("demo", "hello", source)
        assert payload["__typename"] == "ScriptDeploySuccess"
    row = await manager.services.pool.fetchrow("SELECT id, app_id FROM scripts")
    assert row is not None
    writer = Writer(manager.services.pool, 1, row["app_id"], row["id"])
    [invocation] = await writer.run("/")
    await writer.log("was here", invocation=invocation)
    return owner


@pytest.fixture
def later(manager: RunningManager) -> Purges:
    """What the manager does when every time for an undo has run out."""
    return Purges(
        pool=manager.services.pool, rules=RULES, clock=lambda: utc_now() + timedelta(days=8)
    )


async def delete_app(client: Client, app: str = "demo") -> Any:
    """Delete an app."""
    select = "deletedApp { name deletedAt purgeAt }"
    return (await succeed(client, "appDelete", select, app=app, confirm=app))["deletedApp"]


async def everything(client: Client, app: str = "demo") -> Any:
    """All that an app shows."""
    return (await client.ask(EVERYTHING, app=app)).data["app"]


async def counts(manager: RunningManager) -> dict[str, int]:
    """How many rows the tables have that belong to apps."""
    return {
        table: await manager.services.pool.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant
        for table in OWNED
    }


async def test_a_deleted_app_is_gone_for_everybody_and_comes_back_whole(
    manager: RunningManager, demo: Client
) -> None:
    before = await everything(demo)
    operator = await manager.client.log_in("operator@example.org")
    seen_before = await everything(operator)
    deleted = await delete_app(demo)
    moment = datetime.fromisoformat
    assert moment(deleted["purgeAt"]) - moment(deleted["deletedAt"]) == timedelta(days=7)
    for client in (demo, operator):
        assert await everything(client) is None
        assert await everything(client, "early") is None
        for of in (before["id"], before["scripts"]["edges"][0]["node"]["id"]):
            asked = await client.ask("query ($id: ID!) { node(id: $id) { id } }", id=of)
            assert asked.data["node"] is None
        assert await refused(client, "envUnset", app="demo", names=["A"]) == "not_found"
    assert await routing.load_routing(manager.services.pool) == []
    listed = (await demo.ask(DELETED_APPS)).data["deletedApps"]["edges"]
    assert [edge["node"]["name"] for edge in listed] == ["demo"]
    assert (await operator.ask(DELETED_APPS)).data["deletedApps"]["edges"] == []
    await succeed(demo, "appRestore", app="demo")
    assert await everything(demo) == before
    assert await everything(operator) == seen_before
    assert len(await routing.load_routing(manager.services.pool)) == 1
    assert (await demo.ask(DELETED_APPS)).data["deletedApps"]["edges"] == []


async def test_a_deletion_needs_the_name_and_an_owner(
    manager: RunningManager, demo: Client
) -> None:
    for wrong in ("", "Demo", "early", "other"):
        payload = await change(demo, "appDelete", app="demo", confirm=wrong)
        assert payload["code"] == "invalid_input"
        assert payload["fields"][0]["field"] == "confirm"
    editor = await a_member(manager, "demo", "editor")
    values = {"app": "demo", "confirm": "demo"}
    assert await refused(editor, "appDelete", **values) == "permission_denied"
    stranger = await a_user(manager, "stranger")
    assert await refused(stranger, "appDelete", **values) == "not_found"
    await delete_app(demo)
    assert await refused(demo, "appDelete", **values) == "not_found"
    for client in (editor, stranger):
        gone = await change(client, "appRestore", app="demo")
        never = await change(client, "appRestore", app="none")
        assert gone["code"] == "not_found"
        assert str(gone).replace("demo", "none") == str(never)


async def test_the_names_of_a_deleted_app_are_nobodys_and_rest_after_it(
    manager: RunningManager, demo: Client, later: Purges
) -> None:
    ann = await a_user(manager, "ann")
    await delete_app(demo)
    for name in ("demo", "early"):
        assert await refused(ann, "appCreate", name=name) == "name_taken"
    await later.purge_due()
    for client in (ann, demo):
        for name in ("demo", "early"):
            assert await refused(client, "appCreate", name=name) == "name_taken"
    assert await refused(demo, "appRestore", app="demo") == "not_found"
    pool = manager.services.pool
    rests = await pool.fetchval("SELECT min(free_at) FROM app_aliases")
    assert rests - utc_now() > timedelta(days=90)
    await pool.execute("UPDATE app_aliases SET free_at = now()")
    await succeed(ann, "appCreate", name="demo")
    await succeed(ann, "appRename", app="demo", name="early")


async def test_a_purge_leaves_nothing_and_touches_no_other_app(
    manager: RunningManager, demo: Client, later: Purges
) -> None:
    await demo.ask(CREATE_APP, name="other")
    assert (await demo.deploy("other", "hello"))["__typename"] == "ScriptDeploySuccess"
    other = await everything(demo, "other")
    await delete_app(demo)
    await Purges(pool=manager.services.pool, rules=RULES, clock=utc_now).purge_due()
    assert (await counts(manager))["apps"] == 2  # not due yet
    await later.purge_due()
    left = await counts(manager)
    assert {name: count for name, count in left.items() if count} == dict.fromkeys(
        ("apps", "members", "scripts", "versions", "deployments", "routes"), 1
    )
    assert await everything(demo, "other") == other


async def test_what_is_due_is_purged_at_the_start_and_when_its_moment_comes(
    manager: RunningManager, demo: Client
) -> None:
    pool = manager.services.pool
    await delete_app(demo)
    await pool.execute("UPDATE apps SET deleted_at = now(), purge_at = now()")
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(manager.url, Path(directory)):
            await until(lambda: _no_apps(manager))
    await demo.ask(CREATE_APP, name="brief")
    await delete_app(demo, "brief")
    soon = "UPDATE apps SET deleted_at = now(), purge_at = now() + interval '0.5 s'"
    await pool.execute(soon)
    await demo.ask(CREATE_APP, name="other")
    await delete_app(demo, "other")  # looks for the next moment
    await until(lambda: _left(manager, ["other"]))


async def _no_apps(manager: RunningManager) -> bool:
    return await _left(manager, [])


async def _left(manager: RunningManager, names: list[str]) -> bool:
    rows = await manager.services.pool.fetch("SELECT name FROM apps")
    return [row["name"] for row in rows] == names


async def test_two_managers_that_purge_at_once_are_one_too_many_for_nobody(
    manager: RunningManager, demo: Client, later: Purges
) -> None:
    await delete_app(demo)
    await asyncio.gather(*(later.purge_due() for _ in range(4)))
    assert await _no_apps(manager)


async def test_a_deleted_script_is_gone_and_comes_back_whole(
    manager: RunningManager, demo: Client
) -> None:
    before = await everything(demo)
    script = {"app": "demo", "name": "hello"}
    assert await refused(demo, "scriptDelete", confirm="demo", **script) == "invalid_input"
    await succeed(demo, "scriptDelete", confirm="hello", **script)
    shown = (await demo.ask(DELETED_SCRIPTS, app="demo")).data["app"]
    assert shown["scripts"]["edges"] == []
    [edge] = shown["deletedScripts"]["edges"]
    assert edge["node"]["name"] == "hello"
    of = before["scripts"]["edges"][0]["node"]["id"]
    asked = await demo.ask("query ($id: ID!) { node(id: $id) { id } }", id=of)
    assert asked.data["node"] is None
    assert await routing.load_routing(manager.services.pool) == []
    assert await refused(demo, "scriptDelete", confirm="hello", **script) == "not_found"
    await succeed(demo, "scriptRestore", **script)
    assert await everything(demo) == before
    assert await refused(demo, "scriptRestore", **script) == "not_found"


async def test_deploying_a_deleted_script_restores_it_with_its_past(
    manager: RunningManager, demo: Client
) -> None:
    await succeed(demo, "scriptDelete", app="demo", name="hello", confirm="hello")
    payload = await demo.deploy("demo", "hello", "x = 3")
    assert (payload["created"], payload["version"]["number"]) == (False, 3)
    [edge] = (await everything(demo))["scripts"]["edges"]
    assert len(edge["node"]["versions"]["edges"]) == 3
    assert len(await routing.load_routing(manager.services.pool)) == 1


async def test_a_script_is_deleted_by_editors_and_counts_when_it_returns(
    manager: RunningManager, demo: Client
) -> None:
    operator = await manager.client.log_in("operator@example.org")
    values = {"app": "demo", "name": "hello"}
    assert await refused(operator, "scriptDelete", confirm="hello", **values) == "permission_denied"
    editor = await a_member(manager, "demo", "editor")
    await succeed(editor, "scriptDelete", confirm="hello", **values)
    assert await refused(operator, "scriptRestore", **values) == "permission_denied"
    await succeed(demo, "appQuotaSet", app="demo", quotas=[{"name": "SCRIPTS", "limit": 0}])
    assert await refused(editor, "scriptRestore", **values) == "quota_exceeded"


async def test_a_purged_script_leaves_its_app(
    manager: RunningManager, demo: Client, later: Purges
) -> None:
    await succeed(demo, "scriptDelete", app="demo", name="hello", confirm="hello")
    await later.purge_due()
    assert (await everything(demo))["scripts"]["edges"] == []
    left = await counts(manager)
    assert [left[name] for name in ("scripts", "versions", "log_records", "invocations")] == [0] * 4
    assert await refused(demo, "scriptRestore", app="demo", name="hello") == "not_found"
    payload = await demo.deploy("demo", "hello", "x = 1")
    assert (payload["created"], payload["version"]["number"]) == (True, 1)


async def test_live_tails_of_a_deleted_app_end(manager: RunningManager, demo: Client) -> None:
    query = """subscription ($after: String) {
      logRecordAppended(app: "demo", after: $after) { logRecord { text } }
    }"""
    start = LIVE_LOG.encode(LivePosition({}))
    async with demo.follow(query, after=start) as tail:
        assert (await tail.item())["logRecord"]["text"] == "was here"
        async with asyncio.timeout(5):
            await delete_app(demo)
            ended = await tail.message()
        assert "not_found" in str(ended["payload"])


async def test_a_token_of_a_deleted_app_is_none_until_the_app_is_back(demo: Client) -> None:
    select = "secret token { id }"
    values = {"name": "ci", "scopes": ["DEPLOY"], "app": "demo"}
    minted = await succeed(demo, "tokenCreate", select, **values)
    program = Client(demo.socket, minted["secret"])
    asked = '{ app(name: "demo") { name } }'
    assert (await program.ask(asked)).data["app"]
    await delete_app(demo)
    assert (await program.ask(asked)).codes == ["unauthenticated"]
    assert await refused(demo, "tokenRevoke", id=minted["token"]["id"]) == "not_found"
    await succeed(demo, "appRestore", app="demo")
    assert (await program.ask(asked)).data["app"]
