"""API tokens: minted, used, limited, revoked, and what an attacker makes of one."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from picloud.domain.token import MAX_TOKENS, new_token
from picloud.manager.identity import secret_hash
from picloud.store.access import notify_access
from support.manager import CREATE_APP, Client, RunningManager, Writer, until

from .test_deploys import add_user
from .test_tails import FOLLOW, listening

CREATE = """
mutation ($input: TokenCreateInput!) {
  tokenCreate(input: $input) {
    __typename
    ... on TokenCreateSuccess {
      secret
      token { id tokenId name scopes app { name } script { name } expiresAt lastUsedAt
              user { email } }
    }
    ... on InvalidInputError { fields { field message } }
    ... on QuotaExceededError { limit }
    ... on Error { code message }
  }
}
"""
REVOKE = """
mutation ($id: ID!) {
  tokenRevoke(input: {id: $id}) {
    __typename
    ... on TokenRevokeSuccess { revokedAt }
    ... on Error { code }
  }
}
"""
DEPLOY = """
mutation ($input: ScriptDeployInput!) {
  scriptDeploy(input: $input) { __typename ... on Error { code } }
}
"""
MINE = "{ viewer { tokens { edges { node { id name lastUsedAt } } } } }"
OF_APP = '{ app(name: "demo") { tokens { edges { node { id name user { email } } } } } }'
VIEWER = "{ viewer { user { email } } }"
APPS = "{ apps { edges { node { name scripts { edges { node { name } } } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on Token { name } } }"


async def mint(client: Client, *scopes: str, name: str = "ci", **more: Any) -> Any:
    """The payload of a new token."""
    wanted = {"name": name, "scopes": list(scopes), **more}
    return (await client.ask(CREATE, input=wanted)).data["tokenCreate"]


ENV_SET = "mutation ($input: EnvSetInput!) { envSet(input: $input) { __typename } }"
ENV_OF = """{
  one: script(app: "demo", name: "one") { envVariables { edges { node { value } } } }
  two: script(app: "demo", name: "two") { envVariables { edges { node { value } } } }
}"""


async def with_token(client: Client, *scopes: str, name: str = "ci", **more: Any) -> Client:
    """A program with a new token of this user's."""
    payload = await mint(client, *scopes, name=name, **more)
    assert payload["__typename"] == "TokenCreateSuccess", payload
    return Client(client.socket, payload["secret"])


async def deploy(client: Client, app: str, name: str) -> Any:
    """The payload of a deploy; reading the source back would need another scope."""
    wanted = {"app": app, "name": name, "source": "x = 1"}
    return (await client.ask(DEPLOY, input=wanted)).data["scriptDeploy"]


async def revoke(client: Client, key: str) -> str:
    """What came of it."""
    payload = (await client.ask(REVOKE, id=key)).data["tokenRevoke"]
    return str(payload.get("code", payload["__typename"]))


@pytest.fixture
async def demo(owner: Client, node: list[str]) -> Client:
    """The owner of two apps with two scripts each."""
    for app in ("demo", "other"):
        await owner.ask(CREATE_APP, name=app)
        for script in ("one", "two"):
            await owner.deploy(app, script)
    return owner


@pytest.fixture
async def member(manager: RunningManager, demo: Client) -> Client:
    """A user who is an editor of demo."""
    client = await add_user(manager, "ed@example.org")
    await join(manager, "ed@example.org", "demo", "editor")
    return client


async def join(manager: RunningManager, email: str, app: str, role: str) -> None:
    """Make somebody a member."""
    await manager.services.pool.execute(
        "INSERT INTO members (app_id, user_id, role) SELECT apps.id, users.id, $3::app_role"
        " FROM apps, users WHERE apps.name = $2 AND users.email = $1",
        *(email, app, role),
    )


async def test_a_token_is_shown_once_and_only_its_hash_is_kept(
    manager: RunningManager, owner: Client
) -> None:
    payload = await mint(owner, "READ", "DEPLOY", name="CI of demo")
    secret, token = payload["secret"], payload["token"]
    assert secret.startswith("pic_")
    assert (token["name"], token["scopes"]) == ("CI of demo", ["DEPLOY", "READ"])
    assert (token["app"], token["script"], token["expiresAt"]) == (None, None, None)
    assert token["user"] == {"email": "owner@example.org"}
    [listed] = (await owner.ask(MINE)).data["viewer"]["tokens"]["edges"]
    assert listed["node"] == {"id": token["id"], "name": "CI of demo", "lastUsedAt": None}
    pool = manager.services.pool
    dump = str(
        [await pool.fetch("SELECT * FROM tokens"), await pool.fetch("SELECT * FROM audit_entries")]
    )
    assert secret not in dump
    assert secret[4:34] not in dump
    stored = await pool.fetchval("SELECT token_hash FROM tokens")
    assert stored == secret_hash(secret)
    audited = str(await pool.fetch("SELECT before, after FROM audit_entries"))
    assert stored.hex() not in audited


async def test_a_token_speaks_over_http_and_websocket(demo: Client) -> None:
    program = await with_token(demo, "LOGS")
    assert (await program.ask(VIEWER)).data["viewer"]["user"]["email"] == "owner@example.org"
    async with program.websocket() as socket:
        request = {"id": "1", "type": "subscribe", "payload": {"query": VIEWER}}
        await socket.send(json.dumps(request))
        answer = json.loads(await socket.recv())
        assert answer["payload"]["data"]["viewer"]["user"]["email"] == "owner@example.org"


async def test_what_is_no_token_asks_no_database(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack A5: truncated, one character changed, another prefix."""
    secret = (await mint(owner, "READ"))["secret"]
    asked: list[str] = []
    original: Any = asyncpg.Connection.fetchrow

    async def counted(self: object, query: str, *args: object, **more: object) -> object:
        asked.append(query)
        return await original(self, query, *args, **more)

    monkeypatch.setattr(asyncpg.Connection, "fetchrow", counted)
    changed = secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:]
    for wrong in (
        secret[:-1],
        secret + "x",
        changed,
        "pid" + secret[3:],
        "PIC" + secret[3:],
        secret.swapcase(),
        f"{secret} {secret}",
        "pcs_" + secret[4:],
        "x" * 9000,
    ):
        answer = await Client(owner.socket, wrong).ask(VIEWER)
        assert answer.codes == ["unauthenticated"], wrong
        assert answer.response.status_code == 401
        assert wrong[:30] not in answer.response.text
    assert asked == []
    answer = await Client(owner.socket, new_token()).ask(VIEWER)
    assert answer.codes == ["unauthenticated"]
    assert len(asked) == 1
    assert (await Client(owner.socket, secret).ask(VIEWER)).data["viewer"]


async def test_a_token_counts_in_no_other_place_than_the_header(owner: Client) -> None:
    """Attack A5: an address ends up in logs and in `Referer`."""
    secret = (await mint(owner, "READ"))["secret"]
    for name in ("token", "access_token", "authorization"):
        params = {"query": VIEWER, name: f"Bearer {secret}"}
        answer = await owner.send("GET", "/graphql", params=params)
        assert answer.status_code == 401
    for name in ("picloud_session", "__Host-picloud_session"):
        for proto in ("http", "https"):
            headers = {"cookie": f"{name}={secret}", "x-forwarded-proto": proto}
            answer = await owner.send("GET", "/graphql", params={"query": VIEWER}, headers=headers)
            assert answer.status_code == 401
    for scheme in ("Basic", "Token", ""):
        headers = {"authorization": f"{scheme} {secret}".strip()}
        answer = await owner.send("GET", "/graphql", params={"query": VIEWER}, headers=headers)
        assert answer.status_code == 401


async def test_no_secret_is_logged(owner: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Attack A5: not in an error, not in a log, whatever is asked with it."""
    program = await with_token(owner, "READ")
    assert program.token is not None
    for query in (VIEWER, "{ nothing }", "{", "mutation { sessionDelete { endedAt } }"):
        assert program.token not in (await program.ask(query)).response.text
    assert program.token not in caplog.text


async def test_scopes_narrow_what_the_user_may_do(demo: Client) -> None:
    reader = await with_token(demo, "READ", name="r")
    deployer = await with_token(demo, "DEPLOY", name="d")
    invoker = await with_token(demo, "INVOKE", name="i")
    admin = await with_token(demo, "ADMIN", name="a")
    logs = '{ app(name: "demo") { logRecords { edges { node { text } } } } }'
    assert (await reader.ask('{ app(name: "demo") { name } }')).data["app"] == {"name": "demo"}
    assert (await deploy(reader, "demo", "one"))["code"] == "permission_denied"
    assert (await reader.ask(logs)).codes == ["permission_denied"]
    assert (await deploy(deployer, "demo", "one"))["__typename"] == "ScriptDeploySuccess"
    assert (await deployer.ask(logs)).codes == ["permission_denied"]
    assert (await invoker.ask('{ app(name: "demo") { name } }')).data["app"] is None
    for query in (APPS, VIEWER, "{ clusterNodes { edges { cursor } } }"):
        assert (await invoker.ask(query)).codes == ["permission_denied"]
    for program in (reader, deployer, invoker):
        created = (await program.ask(CREATE_APP, name="new")).data["appCreate"]
        assert created["code"] == "permission_denied"
    assert (await admin.ask(CREATE_APP, name="new")).data["appCreate"]["app"]["name"] == "new"


async def test_a_token_of_one_app_sees_no_other(demo: Client) -> None:
    program = await with_token(demo, "READ", "DEPLOY", "ADMIN", app="demo")
    seen = (await program.ask(APPS)).data["apps"]["edges"]
    assert [edge["node"]["name"] for edge in seen] == ["demo"]
    assert (await program.ask('{ app(name: "other") { name } }')).data["app"] is None
    assert (await deploy(program, "other", "one"))["code"] == "not_found"
    assert (await deploy(program, "demo", "one"))["__typename"] == "ScriptDeploySuccess"
    assert (await program.ask(MINE)).codes == ["permission_denied"]
    assert (await mint(program, "READ", name="more"))["code"] == "permission_denied"


async def test_a_token_of_one_script_sees_that_script_only(demo: Client) -> None:
    program = await with_token(demo, "DEPLOY", "LOGS", "ADMIN", app="demo", script="one")
    [edge] = (await program.ask(APPS)).data["apps"]["edges"]
    scripts = [each["node"]["name"] for each in edge["node"]["scripts"]["edges"]]
    assert (edge["node"]["name"], scripts) == ("demo", ["one"])
    asked = '{ script(app: "demo", name: "%s") { name logRecords { edges { node { text } } } } }'
    assert (await program.ask(asked % "one")).data["script"]["name"] == "one"
    assert (await program.ask(asked % "two")).data["script"] is None
    assert (await deploy(program, "demo", "one"))["__typename"] == "ScriptDeploySuccess"
    for name in ("two", "three"):
        assert (await deploy(program, "demo", name))["code"] == "permission_denied"
    for field in (
        "egress { mode }",
        "logRecords { liveCursor }",
        "envVariables { edges { cursor } }",
    ):
        answer = await program.ask(f'{{ app(name: "demo") {{ {field} }} }}')
        assert answer.codes == ["permission_denied"], field


async def test_none_can_mint_more_than_it_has(demo: Client) -> None:
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    program = await with_token(demo, "ADMIN", "LOGS", name="parent", expiresAt=soon)
    more = await mint(program, "DEPLOY", "INVOKE", name="x", expiresAt=soon)
    assert [fault["field"] for fault in more["fields"]] == ["scopes"]
    assert "deploy, invoke" in more["fields"][0]["message"]
    for later in (None, (datetime.now(UTC) + timedelta(days=3)).isoformat()):
        longer = await mint(program, "LOGS", name="x", expiresAt=later)
        assert [fault["field"] for fault in longer["fields"]] == ["expiresAt"]
    child = await with_token(program, "READ", "LOGS", name="child", expiresAt=soon)
    assert (await child.ask(VIEWER)).data["viewer"]
    assert (await mint(child, "READ", name="x", expiresAt=soon))["code"] == "permission_denied"


async def test_what_a_bad_request_is_told(demo: Client, member: Client) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    bad = await mint(demo, name="", script="one", expiresAt=past)
    assert {fault["field"] for fault in bad["fields"]} == {"name", "scopes", "expiresAt", "script"}
    [fault] = (await mint(demo, "READ", expiresAt="2040-01-01T00:00:00"))["fields"]
    assert fault["field"] == "expiresAt"
    for place in ({"app": "nothing"}, {"app": "demo", "script": "nothing"}, {"app": "\0"}):
        assert (await mint(demo, "READ", **place))["code"] == "not_found", place
    assert (await mint(member, "READ", app="other"))["code"] == "not_found"
    await with_token(demo, "READ")
    assert (await mint(demo, "READ"))["code"] == "name_taken"
    await with_token(member, "READ")


async def test_a_user_has_a_limited_number_of_tokens_also_when_minting_at_once(
    manager: RunningManager, owner: Client
) -> None:
    await manager.services.pool.execute(
        "INSERT INTO tokens (id, user_id, name, token_hash, scopes, created_at)"
        " SELECT gen_random_uuid(), users.id, 't' || n, sha256(n::text::bytea), '{read}', now()"
        " FROM users, generate_series(1, $1::int) AS n",
        MAX_TOKENS - 2,
    )
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(mint(owner, "READ", name=f"n{n}")) for n in range(5)]
    outcomes = sorted(each.result()["__typename"] for each in tries)
    assert outcomes == ["QuotaExceededError"] * 3 + ["TokenCreateSuccess"] * 2
    refused = await mint(owner, "READ", name="more")
    assert (refused["code"], refused["limit"]) == ("quota_exceeded", MAX_TOKENS)
    assert str(MAX_TOKENS) in refused["message"]


async def test_the_last_use_is_written_once_a_minute_and_not_at_each_request(
    manager: RunningManager, owner: Client
) -> None:
    program = await with_token(owner, "READ")
    pool = manager.services.pool
    for _ in range(3):
        await program.ask(VIEWER)
    first = await pool.fetchrow("SELECT last_used_at, xmin::text FROM tokens")
    assert first is not None
    for _ in range(5):
        await program.ask(VIEWER)
    assert await pool.fetchrow("SELECT last_used_at, xmin::text FROM tokens") == first
    await pool.execute("UPDATE tokens SET last_used_at = last_used_at - interval '61 seconds'")
    await program.ask(VIEWER)
    assert await pool.fetchval("SELECT last_used_at FROM tokens") >= first["last_used_at"]


async def test_a_token_that_ran_out_is_worth_nothing(
    manager: RunningManager, owner: Client
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    program = await with_token(owner, "READ", expiresAt=soon)
    assert (await program.ask(VIEWER)).data["viewer"]
    await manager.services.pool.execute(
        "UPDATE tokens SET created_at = now() - interval '2 days',"
        " expires_at = now() - interval '1 second'"
    )
    assert (await program.ask(VIEWER)).codes == ["unauthenticated"]


async def test_a_revoked_token_is_worth_nothing_with_all_it_minted(demo: Client) -> None:
    payload = await mint(demo, "ADMIN", name="parent")
    parent = Client(demo.socket, payload["secret"])
    child = await with_token(parent, "ADMIN", name="child")
    grandchild = await with_token(child, "READ", name="grandchild")
    stays = await with_token(demo, "READ", name="stays")
    assert await revoke(demo, payload["token"]["id"]) == "TokenRevokeSuccess"
    for program in (parent, child, grandchild):
        assert (await program.ask(VIEWER)).codes == ["unauthenticated"]
    assert (await stays.ask(VIEWER)).data["viewer"]
    assert await revoke(demo, payload["token"]["id"]) == "not_found"
    await with_token(demo, "READ", name="parent")


async def test_minting_and_revoking_at_once_leaves_no_orphan(
    manager: RunningManager, demo: Client
) -> None:
    for round_ in range(5):
        payload = await mint(demo, "ADMIN", name=f"parent-{round_}")
        parent = Client(demo.socket, payload["secret"])
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                wanted = {"name": f"{round_}-{number}", "scopes": ["READ"]}
                group.create_task(parent.ask(CREATE, input=wanted))
            group.create_task(revoke(demo, payload["token"]["id"]))
    standing = "SELECT count(*) FROM tokens WHERE revoked_at IS NULL"
    assert await manager.services.pool.fetchval(standing) == 0


async def test_who_may_revoke_whose_token(
    manager: RunningManager, demo: Client, member: Client
) -> None:
    limited = (await mint(member, "READ", name="limited", app="demo"))["token"]["id"]
    free = (await mint(member, "READ", name="free"))["token"]["id"]
    stranger = await add_user(manager, "stranger@example.org")
    boss = await add_user(manager, "boss@example.org")
    await join(manager, "boss@example.org", "demo", "owner")
    viewer = await add_user(manager, "viewer@example.org")
    await join(manager, "viewer@example.org", "demo", "viewer")
    listed = (await boss.ask(OF_APP)).data["app"]["tokens"]["edges"]
    assert [edge["node"]["user"]["email"] for edge in listed] == ["ed@example.org"]
    assert (await member.ask(OF_APP)).codes == ["permission_denied"]
    for somebody in (stranger, boss, viewer):
        assert await revoke(somebody, free) == "not_found"
        assert (await somebody.ask(NODE, id=free)).data["node"] is None
    assert await revoke(stranger, limited) == "not_found"
    assert await revoke(viewer, limited) == "permission_denied"
    assert (await viewer.ask(NODE, id=limited)).data["node"] is None
    assert (await boss.ask(NODE, id=limited)).data["node"] == {"name": "limited"}
    assert (await member.ask(NODE, id=free)).data["node"] == {"name": "free"}
    assert await revoke(boss, limited) == "TokenRevokeSuccess"
    assert (await demo.ask(NODE, id=free)).data["node"] == {"name": "free"}
    assert await revoke(demo, free) == "TokenRevokeSuccess"
    for nonsense in ("", "x", "\0", limited[:-2], limited):
        assert await revoke(boss, nonsense) == "not_found"


async def test_a_token_may_revoke_itself_and_no_other(demo: Client) -> None:
    mine = await mint(demo, "READ", name="mine")
    other = await mint(demo, "READ", name="other")
    program = Client(demo.socket, mine["secret"])
    assert await revoke(program, other["token"]["id"]) == "permission_denied"
    assert await revoke(program, mine["token"]["id"]) == "TokenRevokeSuccess"
    assert (await program.ask(VIEWER)).codes == ["unauthenticated"]


async def test_revoking_ends_open_subscriptions_with_their_reason(
    manager: RunningManager, demo: Client
) -> None:
    payload = await mint(demo, "LOGS")
    program = Client(demo.socket, payload["secret"])
    app_id = await manager.services.pool.fetchval("SELECT id FROM apps WHERE name = 'demo'")
    async with program.follow(FOLLOW, app="demo") as tail, demo.follow(FOLLOW, app="demo") as stays:
        await listening(manager)
        async with asyncio.timeout(5):
            assert await revoke(demo, payload["token"]["id"]) == "TokenRevokeSuccess"
            message = await tail.message()
        [error] = message["payload"]["errors"]
        assert error["extensions"]["code"] == "unauthenticated"
        await Writer(manager.services.pool, 1, app_id, app_id).log("still here")
        assert (await stays.item())["logRecord"]["text"] == "still here"


async def test_losing_the_role_ends_open_subscriptions_with_their_reason(
    manager: RunningManager, demo: Client, member: Client
) -> None:
    pool = manager.services.pool

    async def change(statement: str) -> None:
        async with pool.acquire() as db, db.transaction():
            user = await db.fetchval(statement)
            await notify_access(db, user)

    demote = "UPDATE members SET role = 'viewer' WHERE role <> 'owner' RETURNING user_id"
    remove = "DELETE FROM members WHERE role <> 'owner' RETURNING user_id"
    for statement, code in ((demote, "permission_denied"), (remove, "not_found")):
        await pool.execute("UPDATE members SET role = 'operator' WHERE role <> 'owner'")
        async with member.follow(FOLLOW, app="demo") as tail:
            await listening(manager)
            await change(statement)
            [error] = (await tail.message())["payload"]["errors"]
            assert error["extensions"]["code"] == code


async def test_an_app_that_goes_ends_its_subscriptions_for_admins_too(
    manager: RunningManager, demo: Client
) -> None:
    async with demo.follow(FOLLOW, app="demo") as tail:
        await listening(manager)
        async with manager.services.pool.acquire() as db, db.transaction():
            app = await db.fetchval("DELETE FROM apps WHERE name = 'demo' RETURNING id")
            await notify_access(db, app)
        [error] = (await tail.message())["payload"]["errors"]
        assert error["extensions"]["code"] == "not_found"


async def test_a_subscription_ends_when_its_token_runs_out(
    manager: RunningManager, demo: Client
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    program = await with_token(demo, "LOGS", expiresAt=soon)
    async with program.follow(FOLLOW, app="demo") as tail:
        [error] = (await tail.message())["payload"]["errors"]
    assert error["extensions"]["code"] == "unauthenticated"


async def test_a_token_goes_with_its_script(manager: RunningManager, demo: Client) -> None:
    """It must not become one for the whole app."""
    program = await with_token(demo, "DEPLOY", app="demo", script="one")
    await manager.services.pool.execute("DELETE FROM scripts WHERE name = 'one'")

    async def refused() -> bool:
        return "errors" in (await program.ask(VIEWER)).response.json()

    await until(refused)


async def test_a_token_of_one_script_reads_the_values_of_that_script_alone(demo: Client) -> None:
    for script in ("one", "two"):
        variables = [{"name": "MODE", "value": script}]
        given = {"app": "demo", "script": script, "variables": variables}
        payload = (await demo.ask(ENV_SET, input=given)).data["envSet"]
        assert payload["__typename"] == "EnvSetSuccess"
    program = await with_token(demo, "READ", app="demo", script="one")
    seen = (await program.ask(ENV_OF)).data
    assert [edge["node"]["value"] for edge in seen["one"]["envVariables"]["edges"]] == ["one"]
    assert seen["two"] is None
