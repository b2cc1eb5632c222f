"""Apps and deploys, also when two people do it at once."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from picloud.domain.app import AppRole
from picloud.domain.limits import Isolation, Limits
from picloud.domain.source import Source
from picloud.domain.user import InstanceRole, User
from picloud.manager.clock import utc_now
from picloud.manager.passwords import Passwords
from picloud.store import apps, checks, routing, users
from picloud.store.database import connect
from support.manager import CREATE_APP, DEPLOY, IDS, PASSWORD, Client, RunningManager

SOURCE = "def handler(request):\n    return {'é': 1}\n"


async def add_user(manager: RunningManager, email: str) -> Client:
    """A second user, logged in."""
    user = User(id=IDS.new(), email=email, role=InstanceRole.MEMBER, created_at=utc_now())
    hashed = await Passwords().hash(PASSWORD)
    await users.add_user(manager.services.pool, user, password_hash=hashed)
    return await manager.client.log_in(email)


@pytest.fixture
async def demo(owner: Client) -> Client:
    """The owner, with an app named demo."""
    answer = await owner.ask(CREATE_APP, name="demo")
    assert answer.data["appCreate"]["app"]["url"] == "http://localhost:8080/x/demo"
    return owner


async def test_a_taken_and_a_bad_name_are_refused_with_their_reason(demo: Client) -> None:
    taken = (await demo.ask(CREATE_APP, name="demo")).data["appCreate"]
    assert (taken["__typename"], taken["code"]) == ("NameTakenError", "name_taken")
    for name in ("www", "Demo", "", "a" * 64, "a\0b", "\ud800"):
        bad = (await demo.ask(CREATE_APP, name=name)).data["appCreate"]
        assert bad["__typename"] == "InvalidInputError", name
        assert [fault["field"] for fault in bad["fields"]] == ["name"]


async def test_the_first_deploy_creates_the_script_and_the_next_a_version(
    demo: Client, node: list[str]
) -> None:
    first = await demo.deploy("demo", "hello", SOURCE)
    assert first["created"] is True
    assert first["script"]["url"] == "http://localhost:8080/x/demo/hello"
    assert first["script"]["routes"] == [
        {"method": None, "pattern": "/hello", "url": "http://localhost:8080/x/demo/hello"}
    ]
    version = first["version"]
    assert version["number"] == 1
    assert version["source"] == SOURCE
    assert version["digest"] == f"sha256:{hashlib.sha256(SOURCE.encode()).hexdigest()}"
    assert (version["kind"], version["entryPoints"]) == ("sync", ["handler"])
    assert version["runtime"] == "314.0.7"
    second = await demo.deploy("demo", "hello", SOURCE, filename="other.py")
    assert second["created"] is False
    assert second["version"]["number"] == 2
    assert second["script"]["id"] == first["script"]["id"]
    assert second["script"]["activeVersion"] == {"number": 2}
    assert node == ["hello.py", "other.py"]


async def test_a_deploy_reaches_the_nodes_routing(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    listener = await connect(manager.url, name="listener")
    heard: asyncio.Queue[object] = asyncio.Queue()
    await listener.add_listener(
        routing.CHANNEL, lambda _db, _pid, _channel, payload: heard.put_nowait(payload)
    )
    await demo.deploy("demo", "hello", SOURCE)
    async with asyncio.timeout(5):
        payload = await heard.get()
    await listener.close()
    [row] = await routing.load_routing(manager.services.pool)
    assert str(row.script_id) == payload
    assert (row.app_name, row.script_name, row.pattern, row.method) == (
        *("demo", "hello", "/hello"),
        None,
    )
    assert (row.version_number, row.limits, row.isolation) == (1, Limits(), Isolation.SANDBOX)
    assert row.app_revision == 0
    assert await routing.load_source(manager.services.pool, row.version_id) == Source(
        "hello.py", SOURCE
    )
    assert await routing.load_script_routing(manager.services.pool, row.script_id) == [row]
    assert node == ["hello.py"]


async def test_limits_are_inherited_from_the_version_that_serves_until_they_are_reset(
    demo: Client, node: list[str]
) -> None:
    first = await demo.deploy("demo", "hello", SOURCE)
    defaults = {
        **{"timeoutMs": 10_000, "cpuMs": 10_000, "memoryMb": 128},
        **{"concurrency": 32, "ratePerSecond": 0},
    }
    assert (first["version"]["limits"], first["version"]["isolation"]) == (defaults, "SANDBOX")
    asked = {"timeoutMs": 5000, "memoryMb": 256, "concurrency": 10, "ratePerSecond": 50}
    second = await demo.deploy("demo", "hello", SOURCE, limits=asked, isolation="INVOCATION")
    assert second["version"]["limits"] == {**asked, "cpuMs": 5000}
    third = await demo.deploy("demo", "hello", SOURCE, limits={"memoryMb": 64})
    assert third["version"]["limits"] == {**asked, "cpuMs": 5000, "memoryMb": 64}
    assert third["version"]["isolation"] == "INVOCATION"
    fourth = await demo.deploy("demo", "hello", SOURCE, resetLimits=True, limits={"concurrency": 1})
    assert fourth["version"]["limits"] == {**defaults, "concurrency": 1}
    assert fourth["version"]["isolation"] == "SANDBOX"
    assert len(node) == 4


async def test_limits_above_a_ceiling_are_refused_before_a_node_is_asked(
    demo: Client, node: list[str]
) -> None:
    asked = {"timeoutMs": 300_001, "memoryMb": 8, "requestBytes": 2**31 - 1}
    payload = await demo.deploy("demo", "hello", SOURCE, filename="/", limits=asked)
    assert payload["__typename"] == "InvalidInputError"
    ceiling = "exceeds this instance's ceiling of"
    assert [(fault["field"], fault["message"]) for fault in payload["fields"][1:]] == [
        ("limits.timeoutMs", f"timeout_ms=300001 {ceiling} 300000"),
        ("limits.memoryMb", "memory_mb=8 is less than the least, 64"),
        ("limits.requestBytes", f"request_bytes=2147483647 {ceiling} 10485760"),
    ]
    assert "limits.timeoutMs: timeout_ms=300001" in payload["message"]
    assert node == []


async def test_a_rejected_source_says_where_and_the_old_version_stays(
    demo: Client, node: list[str]
) -> None:
    await demo.deploy("demo", "hello", SOURCE)
    rejected = await demo.deploy("demo", "hello", "def (:")
    assert rejected == {
        "__typename": "SourceRejectedError",
        "code": "syntax_error",
        "message": "invalid syntax",
        "line": 1,
        "column": 5,
        "text": "def (:",
    }
    query = '{ script(app: "demo", name: "hello") { activeVersion { number } } }'
    assert (await demo.ask(query)).data["script"]["activeVersion"] == {"number": 1}
    new = await demo.deploy("demo", "other", "def (:")
    assert new["__typename"] == "SourceRejectedError"
    assert (await demo.ask('{ script(app: "demo", name: "other") { id } }')).data["script"] is None
    assert len(node) == 3


async def test_what_is_no_source_never_reaches_a_node(demo: Client, node: list[str]) -> None:
    for source, fault in {
        "x = '\0'": "has a NUL byte in line 1",
        "\ufeffx = 1": "starts with a byte order mark: save it as UTF-8 without one",
        "x = '\ud800'": "has half a surrogate pair in line 1: it is not valid UTF-8",
        " ": "is empty",
        "#" * 1_048_577: "is 1048577 bytes long, more than the limit of 1048576 bytes",
    }.items():
        payload = await demo.deploy("demo", "hello", source)
        assert payload["__typename"] == "InvalidInputError"
        assert payload["fields"] == [{"field": "source", "message": fault}]
    payload = await demo.deploy("demo", "Hello!", "", filename="a/b")
    assert [fault["field"] for fault in payload["fields"]] == ["name", "filename", "source"]
    assert node == []


async def test_a_source_of_exactly_the_limit_is_deployed(demo: Client, node: list[str]) -> None:
    payload = await demo.deploy("demo", "big", "é" * 524_288)
    assert payload["version"]["number"] == 1
    assert node == ["big.py"]


async def test_without_a_node_the_deploy_gives_up_and_forgets_the_check(
    manager: RunningManager, demo: Client
) -> None:
    manager.services.deploys._checks._timeout = 0.2
    payload = await demo.deploy("demo", "hello", SOURCE)
    assert (payload["__typename"], payload["code"]) == ("NodeUnavailableError", "node_unavailable")
    assert await checks.list_pending(manager.services.pool) == []


async def test_deploys_at_once_get_numbers_without_gap_and_the_last_one_serves(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    sources = [f"x = {number}" for number in range(12)]
    payloads = await asyncio.gather(*(demo.deploy("demo", "hello", s) for s in sources))
    assert sorted(payload["version"]["number"] for payload in payloads) == list(range(1, 13))
    assert sum(payload["created"] for payload in payloads) == 1
    query = """{ script(app: "demo", name: "hello") {
      activeVersion { number source }
      versions(first: 100) { edges { node { number source } } }
      deployments(first: 100) { edges { node { version { number } } } }
    } }"""
    script = (await demo.ask(query)).data["script"]
    assert script["activeVersion"]["number"] == 12
    by_number = {p["version"]["number"]: p["version"]["source"] for p in payloads}
    versions = [edge["node"] for edge in script["versions"]["edges"]]
    assert {version["number"]: version["source"] for version in versions} == by_number
    deployed = [edge["node"]["version"]["number"] for edge in script["deployments"]["edges"]]
    assert deployed == list(range(1, 13))
    assert len(node) == 12


async def test_two_users_may_want_the_same_app_name_at_once(
    manager: RunningManager, owner: Client
) -> None:
    other = await add_user(manager, "other@example.org")
    answers = await asyncio.gather(
        *(client.ask(CREATE_APP, name="demo") for client in (owner, other, owner, other))
    )
    names = sorted(answer.data["appCreate"]["__typename"] for answer in answers)
    assert names == ["AppCreateSuccess"] + ["NameTakenError"] * 3


async def test_another_tenants_objects_do_not_exist(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    deployed = await demo.deploy("demo", "hello", SOURCE)
    app = (await demo.ask('{ app(name: "demo") { id } viewer { user { id } } }')).data
    ids = [
        *(deployed[kind]["id"] for kind in ("script", "version", "deployment")),
        *(app["app"]["id"], app["viewer"]["user"]["id"]),
    ]
    stranger = await add_user(manager, "stranger@example.org")
    query = "query ($id: ID!) { node(id: $id) { __typename id } }"
    for id in ids:
        assert (await demo.ask(query, id=id)).data["node"]["id"] == id
        assert (await stranger.ask(query, id=id)).data["node"] is None
    for id in ("", "x", "é", "App:1", ids[0][:-2], "\ud800", "\0"):
        assert (await stranger.ask(query, id=id)).data["node"] is None
    names = '{ app(name: "demo") { id } script(app: "demo", name: "hello") { id } }'
    assert (await stranger.ask(names)).data == {"app": None, "script": None}
    assert (await stranger.ask("{ apps { edges { node { name } } } }")).data["apps"]["edges"] == []
    hidden = await stranger.deploy("demo", "hello", SOURCE)
    missing = await stranger.deploy("nothing", "hello", SOURCE)
    assert hidden["__typename"] == missing["__typename"] == "NotFoundError"
    assert hidden["message"].replace("demo", "…") == missing["message"].replace("nothing", "…")


async def test_a_viewer_may_look_but_not_deploy(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    viewer = await add_user(manager, "viewer@example.org")
    pool = manager.services.pool
    app = await apps.find_app(pool, "demo")
    user_id = await pool.fetchval("SELECT id FROM users WHERE email = 'viewer@example.org'")
    assert app is not None
    await apps.add_member(pool, app_id=app.id, user_id=user_id, role=AppRole.VIEWER)
    denied = await viewer.deploy("demo", "hello", SOURCE)
    assert (denied["__typename"], denied["code"]) == ("PermissionDeniedError", "permission_denied")
    assert (await viewer.ask('{ app(name: "demo") { name } }')).data["app"] == {"name": "demo"}
    logs = await viewer.ask('{ app(name: "demo") { logRecords { edges { cursor } } } }')
    assert logs.codes == ["permission_denied"]
    assert node == []


async def test_versions_and_deployments_can_not_be_changed(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    await demo.deploy("demo", "hello", SOURCE)
    for table in ("versions", "deployments"):
        with pytest.raises(Exception, match=f"{table} are immutable"):
            await manager.services.pool.execute(
                f"UPDATE {table} SET created_at = now()"  # noqa: S608 - our own names
            )
    await manager.services.pool.execute("DELETE FROM apps")
    assert await manager.services.pool.fetchval("SELECT count(*) FROM versions") == 0
    assert node == ["hello.py"]


async def test_the_mutation_takes_what_the_schema_names_and_nothing_else(demo: Client) -> None:
    upload = {"app": "demo", "name": "hello", "source": "x = 1", "createdBy": "somebody"}
    answer = await demo.ask(DEPLOY, input=upload)
    assert answer.codes == ["bad_request"]
    assert answer.response.status_code == 400
