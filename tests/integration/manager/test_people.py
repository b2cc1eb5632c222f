"""Users, as admins look after them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from picloud.domain.failures import LastAdmin
from picloud.domain.user import Actor, InstanceRole, SessionGrant
from picloud.store import users
from picloud.store.database import Pool
from support.actors import CLIENT
from support.manager import CREATE_APP, EMAIL, LOG_IN, Client, RunningManager, fake_node
from support.people import PASSWORD, do, newcomer

VIEWER = "{ viewer { user { email role } } }"
USERS = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  users(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { email role disabledAt } }
    pageInfo { hasNextPage hasPreviousPage }
  }
}
"""


async def test_an_admin_lists_everybody_by_address(owner: Client) -> None:
    for name in ("zoe", "ada", "bob"):
        await newcomer(owner, f"{name}@example.org")
    page = (await owner.ask(USERS, first=3)).data["users"]
    emails = [edge["node"]["email"] for edge in page["edges"]]
    assert emails == ["ada@example.org", "bob@example.org", EMAIL]
    assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False}
    after = page["edges"][-1]["cursor"]
    rest = (await owner.ask(USERS, after=after)).data["users"]["edges"]
    assert [edge["node"]["email"] for edge in rest] == ["zoe@example.org"]
    last = (await owner.ask(USERS, last=2)).data["users"]["edges"]
    assert [edge["node"]["email"] for edge in last] == [EMAIL, "zoe@example.org"]


async def test_a_member_learns_and_changes_nothing_of_users(owner: Client) -> None:
    member = await newcomer(owner, "ada@example.org")
    assert (await member.ask(USERS)).codes == ["permission_denied"]
    assert (await member.ask("{ invitations { edges { cursor } } }")).codes == ["permission_denied"]
    for email in (EMAIL, "nobody@example.org"):
        tries: dict[str, dict[str, Any]] = {
            "userRoleSet": {"role": "ADMIN"},
            "userDisable": {},
            "userEnable": {},
            "userDelete": {},
            "passwordResetCreate": {},
        }
        for name, more in tries.items():
            payload = await do(member, name, email=email, **more)
            assert payload["code"] == "permission_denied", name
    assert (await do(member, "userInvite", email="x@example.org"))["code"] == "permission_denied"
    assert (await do(member, "userRoleSet", email="ada@example.org", role="ADMIN"))[
        "code"
    ] == "permission_denied"


async def test_a_role_is_given_and_taken_and_holds_at_once(owner: Client) -> None:
    member = await newcomer(owner, "ada@example.org")
    changed = await do(owner, "userRoleSet", email=" ADA@example.org ", role="ADMIN")
    assert changed["user"] == {"email": "ada@example.org", "role": "ADMIN", "disabledAt": None}
    assert (await member.ask(USERS)).data["users"]["edges"]
    await do(owner, "userRoleSet", email="ada@example.org", role="MEMBER")
    assert (await member.ask(USERS)).codes == ["permission_denied"]


async def test_a_disabled_user_is_out_at_once_and_comes_back_only_when_enabled(
    owner: Client, anonymous: Client
) -> None:
    ada = await newcomer(owner, "ada@example.org")
    disabled = await do(owner, "userDisable", email="ada@example.org")
    assert disabled["user"]["disabledAt"]
    assert (await ada.ask(VIEWER)).codes == ["unauthenticated"]
    refused = (await anonymous.ask(LOG_IN, email="ada@example.org", password=PASSWORD)).data
    assert refused["sessionCreate"]["code"] == "invalid_credentials"
    enabled = await do(owner, "userEnable", email="ada@example.org")
    assert enabled["user"]["disabledAt"] is None
    assert (await ada.ask(VIEWER)).codes == ["unauthenticated"]
    again = await anonymous.log_in("ada@example.org", PASSWORD)
    assert (await again.ask(VIEWER)).data["viewer"]["user"]["email"] == "ada@example.org"


async def test_a_deleted_user_is_gone_and_what_they_made_stays(
    manager: RunningManager, owner: Client, anonymous: Client
) -> None:
    await owner.ask(CREATE_APP, name="shared")
    ada = await newcomer(owner, "ada@example.org", app="shared", appRole="EDITOR")
    async with fake_node(manager.url):
        deployed = await ada.deploy("shared", "hello")
    assert deployed["version"]["createdBy"] == {"email": "ada@example.org"}
    assert (await do(owner, "userDelete", email="ada@example.org"))["email"] == "ada@example.org"
    assert (await ada.ask(VIEWER)).codes == ["unauthenticated"]
    assert (await do(owner, "userDelete", email="ada@example.org"))["code"] == "not_found"
    version = await owner.ask(
        '{ script(app: "shared", name: "hello") { activeVersion { number createdBy { email } } } }'
    )
    assert version.data["script"]["activeVersion"] == {"number": 1, "createdBy": None}
    assert (await (await newcomer(owner, "ada@example.org")).ask(VIEWER)).data


async def test_the_only_owner_of_an_app_can_not_be_deleted(owner: Client) -> None:
    ada = await newcomer(owner, "ada@example.org")
    await ada.ask(CREATE_APP, name="hers")
    refused = await do(owner, "userDelete", email="ada@example.org")
    assert refused["code"] == "last_owner"
    assert "hers" in refused["message"]
    assert (await ada.ask(VIEWER)).data["viewer"]


@pytest.mark.parametrize("name", ["userRoleSet", "userDisable", "userDelete"])
async def test_the_last_admin_stays_one(owner: Client, name: str) -> None:
    more = {"role": "MEMBER"} if name == "userRoleSet" else {}
    await newcomer(owner, "ada@example.org")
    assert (await do(owner, name, email=EMAIL, **more))["code"] == "last_admin"
    await newcomer(owner, "eve@example.org", role="ADMIN")
    await do(owner, "userDisable", email="eve@example.org")
    assert (await do(owner, name, email=EMAIL, **more))["code"] == "last_admin"
    await do(owner, "userEnable", email="eve@example.org")
    assert (await do(owner, name, email=EMAIL, **more))["__typename"].endswith("Success")


@pytest.mark.parametrize("how", ["demote", "disable"])
async def test_two_admins_who_remove_each_other_at_once_leave_one(
    manager: RunningManager, owner: Client, how: str
) -> None:
    await newcomer(owner, "eve@example.org", role="ADMIN")
    pool = manager.services.pool
    actors = {email: await actor_of(pool, email) for email in (EMAIL, "eve@example.org")}

    async def remove(by: str, whom: str) -> bool:
        people = manager.services.people.users
        try:
            if how == "demote":
                await people.set_role(actors[by], whom, InstanceRole.MEMBER)
            else:
                await people.disable(actors[by], whom)
        except LastAdmin:
            return False
        return True

    for _ in range(10):
        async with asyncio.TaskGroup() as group:
            tries = [
                group.create_task(remove(EMAIL, "eve@example.org")),
                group.create_task(remove("eve@example.org", EMAIL)),
            ]
        assert sorted(task.result() for task in tries) == [False, True]
        statement = "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL"
        assert await pool.fetchval(statement) == 1
        await pool.execute("UPDATE users SET role = 'admin', disabled_at = NULL")


async def actor_of(pool: Pool, email: str) -> Actor:
    """Somebody as they are now."""
    user = await users.find_user(pool, email)
    assert user is not None
    session = SessionGrant(id=user.id, expires_at=datetime.now(UTC))
    return Actor(user=user, credential=session, client=CLIENT)
