"""Members of an app: who may change them, that one owner always stays, and what ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from picloud.domain.failures import LastOwner
from picloud.domain.page import LivePosition
from picloud.manager.graphql.cursors import LIVE_LOG
from picloud.store import members
from support.changes import change, refused, succeed
from support.manager import CREATE_APP, EMAIL, Client, RunningManager, Writer
from support.users import a_member, a_user

ROUNDS = 4  # of every race
MEMBERS = """
query ($app: String!, $first: Int, $after: String) { app(name: $app) {
  viewerRole
  members(first: $first, after: $after) {
    edges { node { role user { email } } } pageInfo { hasNextPage endCursor }
  }
} }
"""
LOGS = """subscription ($after: String) {
  logRecordAppended(app: "demo", after: $after) { logRecord { text } }
}"""
START = LIVE_LOG.encode(LivePosition({}))


@pytest.fixture
async def demo(owner: Client) -> Client:
    """The owner, with an app named demo."""
    await owner.ask(CREATE_APP, name="demo")
    return owner


async def listed(client: Client, app: str = "demo", **page: Any) -> list[tuple[str, str]]:
    """E-mail and role of the members."""
    found = (await client.ask(MEMBERS, app=app, **page)).data["app"]["members"]
    return [(edge["node"]["user"]["email"], edge["node"]["role"]) for edge in found["edges"]]


async def owners(manager: RunningManager, app: str = "demo") -> Sequence[str]:
    """Who owns an app."""
    rows = await manager.services.pool.fetch(
        "SELECT person.email FROM members AS member JOIN users AS person"
        " ON person.id = member.user_id JOIN apps AS app ON app.id = member.app_id"
        " WHERE app.name = $1 AND member.role = 'owner' ORDER BY person.email",
        app,
    )
    return [row["email"] for row in rows]


async def test_members_are_added_changed_listed_and_removed(
    manager: RunningManager, demo: Client
) -> None:
    ann = await a_user(manager, "ann")
    assert (await ann.ask(MEMBERS, app="demo")).data["app"] is None
    added = await succeed(
        demo, "memberAdd", "member { role }", app="demo", email="Ann@Example.org", role="VIEWER"
    )
    assert added["member"] == {"role": "VIEWER"}
    assert await listed(ann) == [("ann@example.org", "VIEWER"), (EMAIL, "OWNER")]
    await succeed(demo, "memberRoleSet", app="demo", email="ann@example.org", role="EDITOR")
    shown = (await ann.ask(MEMBERS, app="demo")).data["app"]
    assert shown["viewerRole"] == "EDITOR"
    await succeed(demo, "memberRemove", app="demo", email="ann@example.org")
    assert (await ann.ask(MEMBERS, app="demo")).data["app"] is None
    assert await listed(demo) == [(EMAIL, "OWNER")]


async def test_members_come_in_pages(manager: RunningManager, demo: Client) -> None:
    for name in ("ann", "bob", "zoe"):
        await a_member(manager, "demo", "viewer", name)
    query = (await demo.ask(MEMBERS, app="demo", first=2)).data["app"]["members"]
    assert query["pageInfo"]["hasNextPage"]
    rest = await listed(demo, first=2, after=query["pageInfo"]["endCursor"])
    assert [email for email, _ in rest] == [EMAIL, "zoe@example.org"]


async def test_who_is_there_already_or_nowhere_cannot_be_added(
    manager: RunningManager, demo: Client
) -> None:
    await a_member(manager, "demo", "viewer")
    role = {"app": "demo", "role": "EDITOR"}
    assert await refused(demo, "memberAdd", email="viewer@example.org", **role) == "already_member"
    assert await refused(demo, "memberAdd", email="nobody@example.org", **role) == "not_found"
    await a_user(manager, "ann")
    assert await refused(demo, "memberRoleSet", email="ann@example.org", **role) == "not_found"
    missing = await change(demo, "memberRemove", app="demo", email="ann@example.org")
    assert missing == await change(demo, "memberRemove", app="demo", email="ann@example.org")
    assert missing["code"] == "not_found"


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
async def test_only_owners_change_members_and_everybody_may_leave(
    manager: RunningManager, demo: Client, role: str
) -> None:
    client = await a_member(manager, "demo", role)
    await a_user(manager, "ann")
    own = f"{role}@example.org"
    for name, values in (
        ("memberAdd", {"email": "ann@example.org", "role": "VIEWER"}),
        ("memberRoleSet", {"email": own, "role": "OWNER"}),
        ("memberRemove", {"email": EMAIL}),
        ("appTransfer", {"email": own}),
    ):
        assert await refused(client, name, app="demo", **values) == "permission_denied"
    assert await listed(demo) == sorted([(own, role.upper()), (EMAIL, "OWNER")])
    await succeed(client, "appLeave", app="demo")
    assert await refused(client, "appLeave", app="demo") == "not_found"
    assert await listed(demo) == [(EMAIL, "OWNER")]


async def test_a_stranger_cannot_tell_the_app_from_none(
    manager: RunningManager, demo: Client
) -> None:
    stranger = await a_user(manager, "stranger")
    for name, values in (
        ("memberAdd", {"email": EMAIL, "role": "VIEWER"}),
        ("memberRoleSet", {"email": EMAIL, "role": "VIEWER"}),
        ("memberRemove", {"email": EMAIL}),
        ("appLeave", {}),
        ("appTransfer", {"email": EMAIL}),
    ):
        answers = [await change(stranger, name, app=app, **values) for app in ("demo", "none")]
        assert answers[0]["code"] == "not_found"
        assert str(answers[0]).replace("demo", "none") == str(answers[1])


async def test_the_last_owner_stays(manager: RunningManager, demo: Client) -> None:
    await a_member(manager, "demo", "editor")
    own = {"app": "demo", "email": EMAIL}
    assert await refused(demo, "memberRemove", **own) == "last_owner"
    assert await refused(demo, "memberRoleSet", role="EDITOR", **own) == "last_owner"
    assert await refused(demo, "appLeave", app="demo") == "last_owner"
    await succeed(demo, "memberRoleSet", app="demo", email="editor@example.org", role="OWNER")
    await succeed(demo, "appLeave", app="demo")
    assert await owners(manager) == ["editor@example.org"]


async def test_an_owner_who_may_not_log_in_is_not_enough(
    manager: RunningManager, demo: Client
) -> None:
    await a_member(manager, "demo", "owner", "ann")
    await manager.services.pool.execute(
        "UPDATE users SET disabled_at = now() WHERE email = 'ann@example.org'"
    )
    assert await refused(demo, "appLeave", app="demo") == "last_owner"


async def test_an_admin_transfers_the_apps_of_a_user_before_disabling_them(
    manager: RunningManager, demo: Client
) -> None:
    ann = await a_user(manager, "ann")
    await succeed(ann, "appCreate", name="hers")
    disable = """mutation { userDisable(input: {email: "ann@example.org"}) {
      __typename ... on Error { code message } } }"""
    payload = (await demo.ask(disable)).data["userDisable"]
    assert (payload["code"], "'hers'" in payload["message"]) == ("last_owner", True)
    await succeed(demo, "appTransfer", app="hers", email=EMAIL)
    payload = (await demo.ask(disable)).data["userDisable"]
    assert payload["__typename"] == "UserDisableSuccess"


async def test_of_two_owners_who_remove_each_other_at_once_one_stays(
    manager: RunningManager, demo: Client
) -> None:
    names = [f"{who}-{number}" for number in range(ROUNDS) for who in ("ann", "bob")]
    clients = {name: await a_user(manager, name) for name in names}
    for number in range(ROUNDS):
        app, ann, bob = f"race-{number}", f"ann-{number}", f"bob-{number}"
        await succeed(clients[ann], "appCreate", name=app)
        await succeed(clients[ann], "memberAdd", app=app, email=f"{bob}@example.org", role="OWNER")
        answers = await asyncio.gather(
            change(clients[ann], "memberRemove", app=app, email=f"{bob}@example.org"),
            change(clients[bob], "memberRemove", app=app, email=f"{ann}@example.org"),
        )
        assert len(await owners(manager, app)) == 1
        # Who came second is a stranger by then.
        assert sorted(each.get("code", "") for each in answers) == ["", "not_found"]


@pytest.mark.parametrize("second", ["appLeave", "memberRoleSet", "memberRemove", "appTransfer"])
async def test_no_two_changes_at_once_leave_an_app_without_an_owner(
    manager: RunningManager, demo: Client, second: str
) -> None:
    ann = await a_user(manager, "ann")
    await a_user(manager, "heir")
    for number in range(ROUNDS):
        app = f"race-{number}"
        await succeed(demo, "appCreate", name=app)
        await succeed(demo, "memberAdd", app=app, email="ann@example.org", role="OWNER")
        values: dict[str, dict[str, str]] = {
            "appLeave": {},
            "memberRoleSet": {"email": "ann@example.org", "role": "VIEWER"},
            "memberRemove": {"email": "ann@example.org"},
            "appTransfer": {"email": "heir@example.org"},
        }
        await asyncio.gather(
            change(demo, "appLeave", app=app), change(ann, second, app=app, **values[second])
        )
        assert await owners(manager, app)


async def test_a_user_who_alone_owns_an_app_is_kept_from_going(
    manager: RunningManager, demo: Client
) -> None:
    pool = manager.services.pool
    user_id = await pool.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    await demo.ask(CREATE_APP, name="shared")
    await a_member(manager, "shared", "owner", "ann")
    async with pool.acquire() as db, db.transaction():
        with pytest.raises(LastOwner) as refusal:
            await members.require_other_owners(db, user_id)
    assert refusal.value.apps == ("demo",)
    await succeed(demo, "memberAdd", app="demo", email="ann@example.org", role="OWNER")
    async with pool.acquire() as db, db.transaction():
        await members.require_other_owners(db, user_id)
        # While that lasts nobody takes the other owner away.
        hold = "SELECT FROM apps WHERE name = 'demo' FOR NO KEY UPDATE NOWAIT"
        with pytest.raises(asyncpg.LockNotAvailableError):
            await pool.execute(hold)
        await db.execute("DELETE FROM users WHERE id = $1", user_id)
    assert await owners(manager) == ["ann@example.org"]


async def test_a_transfer_leaves_one_owner_and_the_former_ones_as_editors(
    manager: RunningManager, demo: Client
) -> None:
    await a_member(manager, "demo", "owner", "ann")
    heir = await a_user(manager, "heir")
    await succeed(demo, "appTransfer", app="demo", email="heir@example.org")
    assert await listed(heir) == [
        ("ann@example.org", "EDITOR"),
        ("heir@example.org", "OWNER"),
        (EMAIL, "EDITOR"),
    ]
    assert await refused(demo, "appTransfer", app="demo", email="nobody@x.org") == "not_found"


async def test_an_open_subscription_ends_with_the_membership(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    assert (await demo.deploy("demo", "hello"))["__typename"] == "ScriptDeploySuccess"
    ann = await a_member(manager, "demo", "operator", "ann")
    bob = await a_member(manager, "demo", "operator", "bob")
    row = await manager.services.pool.fetchrow("SELECT id, app_id FROM scripts")
    assert row is not None
    writer = Writer(manager.services.pool, 1, row["app_id"], row["id"])
    async with ann.follow(LOGS, after=START) as hers, bob.follow(LOGS, after=START) as his:
        await writer.log("both hear")
        assert (await hers.item())["logRecord"]["text"] == "both hear"
        assert (await his.item())["logRecord"]["text"] == "both hear"
        async with asyncio.timeout(5):
            await succeed(demo, "memberRemove", app="demo", email="ann@example.org")
            await succeed(demo, "memberRoleSet", app="demo", email="bob@example.org", role="VIEWER")
            for tail, code in ((hers, "not_found"), (his, "permission_denied")):
                ended = await tail.message()
                assert ended["type"] in ("error", "next")
                assert code in str(ended["payload"])
