"""The audit log: who may read it, what is found in it, and that nobody rewrites it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from support.manager import CREATE_APP, EMAIL, LOG_IN, PASSWORD, Client, RunningManager

from .test_deploys import add_user
from .test_tokens import join, mint, with_token

FIELDS = """
entryId at action actor credential credentialId token { name } address agent appName target
before after
"""
ALL = f"""
query ($first: Int, $last: Int, $after: String, $before: String, $where: AuditFilter) {{
  auditEntries(first: $first, last: $last, after: $after, before: $before, where: $where) {{
    edges {{ cursor node {{ {FIELDS} }} }}
    pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
  }}
}}
"""
OF_APP = f"""
query ($app: String!, $where: AuditFilter) {{
  app(name: $app) {{
    auditEntries(first: 100, where: $where) {{ edges {{ node {{ {FIELDS} }} }} }}
  }}
}}
"""
SET_ENV = """
mutation ($app: String!, $name: String!, $value: String!) {
  envSet(input: {app: $app, variables: [{name: $name, value: $value}]}) {
    __typename
    ... on Error { code }
  }
}
"""
SET_SECRET = """
mutation ($app: String!, $name: String!, $value: String!) {
  secretSet(input: {app: $app, secrets: [{name: $name, value: $value}]}) { __typename }
}
"""
SET_EGRESS = """
mutation { appEgressSet(input: {app: "demo", mode: ALLOW_LIST, allow: ["a.example"]}) {
  __typename } }
"""


async def entries(client: Client, **where: Any) -> list[Any]:
    """All of the log that fits."""
    data = (await client.ask(ALL, first=100, where=where)).data
    return [edge["node"] for edge in data["auditEntries"]["edges"]]


async def of_app(client: Client, app: str, **where: Any) -> list[Any]:
    """All about an app that fits."""
    data = (await client.ask(OF_APP, app=app, where=where)).data
    return [edge["node"] for edge in data["app"]["auditEntries"]["edges"]]


@pytest.fixture
async def demo(owner: Client) -> Client:
    """The owner of two apps."""
    for app in ("demo", "other"):
        await owner.ask(CREATE_APP, name=app)
    return owner


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET target = 'x'",
        "UPDATE audit_entries SET target = 'x' WHERE false",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ],
)
async def test_nobody_rewrites_it(manager: RunningManager, demo: Client, statement: str) -> None:
    before = await entries(demo)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as raised:
        await manager.services.pool.execute(statement)
    assert raised.value.constraint_name == "audit_entry_is_append_only"
    assert await entries(demo) == before != []


async def test_an_entry_says_who_did_what_from_where_with_what(demo: Client) -> None:
    headers = {"x-forwarded-for": "203.0.113.9", "user-agent": "ci/1"}
    secret = (await mint(demo, "DEPLOY", name="CI of demo"))["secret"]
    program = Client(demo.socket, secret, headers=headers)
    await program.ask(SET_ENV, app="demo", name="MODE", value="hush")
    await program.ask(SET_ENV, app="demo", name="MODE", value="hush")
    first, second = await of_app(demo, "demo", action="env.set")
    assert (first["actor"], first["credential"]) == (EMAIL, "TOKEN")
    assert first["token"] == {"name": "CI of demo"}
    assert (first["address"], first["agent"]) == ("203.0.113.9", "ci/1")
    assert (first["appName"], first["target"]) == ("demo", "demo")
    assert (first["before"], first["after"]) == (None, {"names": ["MODE"]})
    assert second["before"] == {"names": ["MODE"]}
    assert "hush" not in json.dumps([first, second])
    at = datetime.fromisoformat(first["at"])
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(minutes=5)
    await demo.ask(SET_EGRESS)
    [entry] = await of_app(demo, "demo", action="egress.set")
    assert entry["before"] == {"mode": "internet", "allow": []}
    assert entry["after"]["mode"] == "allow_list"
    assert (entry["credential"], entry["token"]) == ("SESSION", None)


async def test_log_ins_are_recorded_also_refused_ones(anonymous: Client) -> None:
    client = Client(anonymous.socket, headers={"x-forwarded-for": "2001:db8::7"})
    for email, password in ((EMAIL, "wrong"), ("my password, oops", "x")):
        await client.ask(LOG_IN, email=email, password=password)
    admin = await client.log_in()
    refused = await entries(admin, action="session.refused")
    assert [entry["target"] for entry in refused] == [EMAIL, ""]
    for entry in refused:
        assert (entry["actor"], entry["credential"], entry["credentialId"]) == (None, None, None)
        assert entry["address"] == "2001:db8::7"
    [entry] = await entries(admin, action="session.create")
    assert (entry["actor"], entry["target"]) == (EMAIL, EMAIL)
    assert "oops" not in json.dumps(await entries(admin))


async def test_a_change_that_fails_records_nothing(demo: Client) -> None:
    before = await entries(demo)
    assert (await demo.ask(CREATE_APP, name="demo")).data["appCreate"]["code"] == "name_taken"
    payload = (await demo.ask(SET_ENV, app="demo", name="A", value="x" * 32769)).data["envSet"]
    assert payload["code"] == "invalid_input"
    assert await entries(demo) == before


async def test_the_values_of_secrets_and_passwords_are_nowhere_in_it(
    manager: RunningManager, demo: Client
) -> None:
    await demo.ask(SET_SECRET, app="demo", name="KEY", value="xyzzy-of-sixteen-or-more")
    await demo.ask(LOG_IN, email=EMAIL, password="another-wrong-one")
    dump = str(await manager.services.pool.fetch("SELECT * FROM audit_entries"))
    assert "KEY" in dump
    for secret in ("xyzzy", "more", PASSWORD, "another-wrong-one", "argon2", str(demo.token)):
        assert secret not in dump


async def test_owners_read_what_is_about_their_app_and_admins_everything(
    manager: RunningManager, demo: Client
) -> None:
    people = {}
    for role in ("viewer", "operator", "editor", "owner"):
        people[role] = await add_user(manager, f"{role}@x.org")
        await join(manager, f"{role}@x.org", "demo", role)
    boss = people.pop("owner")
    assert {entry["appName"] for entry in await of_app(boss, "demo")} == {"demo"}
    assert (await boss.ask(ALL)).codes == ["permission_denied"]
    assert (await boss.ask(OF_APP, app="other")).data["app"] is None
    for client in people.values():
        assert (await client.ask(OF_APP, app="demo")).codes == ["permission_denied"]
        assert (await client.ask(ALL)).codes == ["permission_denied"]
    assert {"demo", "other", None} == {entry["appName"] for entry in await entries(demo)}
    reader = await with_token(demo, "READ", "LOGS", name="r")
    limited = await with_token(demo, "ADMIN", name="a", app="demo")
    assert (await reader.ask(ALL)).codes == ["permission_denied"]
    assert (await reader.ask(OF_APP, app="demo")).codes == ["permission_denied"]
    assert (await limited.ask(ALL)).codes == ["permission_denied"]
    assert await of_app(limited, "demo") == await of_app(demo, "demo") != []


async def test_an_entry_outlives_what_it_speaks_of(manager: RunningManager, demo: Client) -> None:
    pool = manager.services.pool
    member = await add_user(manager, "gone@x.org")
    await join(manager, "gone@x.org", "demo", "editor")
    program = await with_token(member, "DEPLOY")
    await program.ask(SET_ENV, app="demo", name="A", value="x")
    await pool.execute("DELETE FROM apps WHERE name = 'demo'")
    await pool.execute("DELETE FROM users WHERE email = 'gone@x.org'")
    [entry] = await entries(demo, action="env.set")
    assert (entry["actor"], entry["appName"], entry["token"]) == ("gone@x.org", "demo", None)


async def test_filters_combine_and_times_bound_exactly(demo: Client) -> None:
    created = await entries(demo, action="app.create")
    assert [entry["target"] for entry in created] == ["demo", "other"]
    assert await entries(demo, action="app.create", target="other") == created[1:]
    assert await entries(demo, actor=f" {EMAIL.upper()}", action="app.create") == created
    assert await entries(demo, actor="nobody@x.org") == []
    first, second = (datetime.fromisoformat(entry["at"]) for entry in created)
    assert first < second
    only = {"action": "app.create"}
    assert await entries(demo, **only, since=second.isoformat()) == created[1:]
    assert await entries(demo, **only, until=second.isoformat()) == created[:1]
    after = (second + timedelta(milliseconds=1)).isoformat()
    assert await entries(demo, **only, since=after) == []
    assert await entries(demo, **only, until=after) == created
    elsewhere = second.astimezone().isoformat()
    assert await entries(demo, **only, since=elsewhere) == created[1:]


@pytest.mark.parametrize(
    "where",
    [
        {"since": "2026-01-01T00:00:00"},
        {"until": "2026-01-01T00:00:00"},
        {"actor": "\0"},
        {"action": "a\ud800"},
        {"target": "\0"},
    ],
)
async def test_a_bad_filter_is_refused_by_its_name(demo: Client, where: dict[str, str]) -> None:
    answer = await demo.ask(ALL, where=where)
    assert answer.codes == ["invalid_input"]
    assert next(iter(where)) in answer.response.json()["errors"][0]["message"]


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_any_time_can_be_asked_for(demo: Client, since: str) -> None:
    found = await entries(demo, since=since)
    assert (found == []) == since.startswith("9999")


async def test_pages_walk_both_ways_in_one_order(demo: Client) -> None:
    for number in range(7):
        await demo.ask(CREATE_APP, name=f"app-{number}")
    expected = [entry["entryId"] for entry in await entries(demo)]
    forwards: list[str] = []
    backwards: list[str] = []
    after = before = None
    more = True
    while more:
        page = (await demo.ask(ALL, first=3, after=after)).data["auditEntries"]
        forwards += [edge["node"]["entryId"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    more = True
    while more:
        page = (await demo.ask(ALL, last=3, before=before)).data["auditEntries"]
        backwards = [edge["node"]["entryId"] for edge in page["edges"]] + backwards
        before, more = page["pageInfo"]["startCursor"], page["pageInfo"]["hasPreviousPage"]
    assert forwards == backwards == expected
