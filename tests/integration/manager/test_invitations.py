"""Invitations: used once, in time, by whom they are for (A7)."""

from __future__ import annotations

import asyncio

import pytest

from support.manager import CREATE_APP, EMAIL, PASSWORD, Client, RunningManager
from support.people import do, newcomer

ADA = "ada@example.org"
GONE = "There is no invitation, or you may not see it."
OPEN = "{ invitations { edges { node { email role appRole app { name } createdBy { email } } } } }"


async def accept(client: Client, secret: str, email: str = ADA, password: str = PASSWORD) -> str:
    """Try to come in; `ok` or the code of the refusal."""
    given = {"secret": secret, "email": email, "password": password}
    payload = await do(Client(client.socket), "invitationAccept", **given)
    return str(payload.get("code", "ok"))


async def test_the_invited_is_a_user_at_once_and_logged_in(owner: Client) -> None:
    invited = await do(owner, "userInvite", email=" Ada@Example.org ")
    assert invited["url"] == f"http://localhost:8080/join#{invited['secret']}"
    assert invited["invitation"]["email"] == ADA
    given = {"secret": invited["secret"], "email": "ADA@example.org", "password": PASSWORD}
    accepted = await do(Client(owner.socket), "invitationAccept", **given)
    assert accepted["user"] == {"email": ADA, "role": "MEMBER"}
    viewer = await Client(owner.socket, accepted["token"]).ask("{ viewer { user { email } } }")
    assert viewer.data["viewer"]["user"]["email"] == ADA
    assert (await Client(owner.socket).log_in(ADA, PASSWORD)).token


async def test_an_invitation_can_lead_straight_into_an_app(owner: Client) -> None:
    await owner.ask(CREATE_APP, name="demo")
    ada = await newcomer(owner, ADA, app="demo", appRole="VIEWER")
    assert (await ada.ask('{ app(name: "demo") { name } }')).data["app"] == {"name": "demo"}
    assert (await ada.deploy("demo", "hello"))["code"] == "permission_denied"
    eve = await newcomer(owner, "eve@example.org", app="demo", appRole="EDITOR", role="MEMBER")
    variable = '{app: "demo", variables: [{name: "A", value: "1"}]}'
    settable = f"mutation {{ envSet(input: {variable}) {{ __typename }} }}"
    assert (await eve.ask(settable)).data["envSet"]["__typename"] == "EnvSetSuccess"
    bob = await newcomer(owner, "bob@example.org")
    assert (await bob.ask('{ app(name: "demo") { name } }')).data["app"] is None


async def test_a_link_works_once(owner: Client) -> None:
    secret = (await do(owner, "userInvite", email=ADA))["secret"]
    assert await accept(owner, secret) == "ok"
    assert await accept(owner, secret) == "not_found"


async def test_a_link_works_only_for_its_address(owner: Client) -> None:
    secret = (await do(owner, "userInvite", email=ADA))["secret"]
    for email in ("eve@example.org", EMAIL, "", "ada@example.org\0", "\ud800@example.org"):
        assert await accept(owner, secret, email) == "not_found"
    assert await accept(owner, secret) == "ok"


async def test_a_link_works_only_in_time(manager: RunningManager, owner: Client) -> None:
    secret = (await do(owner, "userInvite", email=ADA))["secret"]
    await manager.services.pool.execute(
        "UPDATE invitations SET created_at = now() - interval '8 days',"
        " expires_at = now() - interval '1 second'"
    )
    assert await accept(owner, secret) == "not_found"
    assert (await owner.ask(OPEN)).data["invitations"]["edges"] == []


async def test_an_invitation_that_was_taken_back_or_replaced_is_worth_nothing(
    owner: Client,
) -> None:
    first = await do(owner, "userInvite", email=ADA)
    second = await do(owner, "userInvite", email=ADA, role="ADMIN")
    assert await accept(owner, first["secret"]) == "not_found"
    revoked = await do(owner, "invitationRevoke", id=second["invitation"]["id"])
    assert revoked == {"__typename": "InvitationRevokeSuccess", "email": ADA}
    assert await accept(owner, second["secret"]) == "not_found"
    for id in (second["invitation"]["id"], first["invitation"]["id"], "nonsense"):
        assert (await do(owner, "invitationRevoke", id=id))["code"] == "not_found"


async def test_of_many_who_accept_at_once_one_comes_in(
    manager: RunningManager, owner: Client
) -> None:
    secret = (await do(owner, "userInvite", email=ADA))["secret"]
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(accept(owner, secret)) for _ in range(8)]
    assert sorted(task.result() for task in tries) == ["not_found"] * 7 + ["ok"]
    count = await manager.services.pool.fetchval("SELECT count(*) FROM users")
    assert count == 2


@pytest.mark.parametrize("secret", ["", "x", "pci_", "pci_" + "x" * 43, "pci_\0", "x" * 9_000])
async def test_every_refusal_sounds_the_same(owner: Client, secret: str) -> None:
    given = {"secret": secret, "email": ADA, "password": PASSWORD}
    payload = await do(Client(owner.socket), "invitationAccept", **given)
    assert (payload["code"], payload["message"]) == ("not_found", GONE)


async def test_a_password_that_is_too_short_uses_nothing_up(owner: Client) -> None:
    secret = (await do(owner, "userInvite", email=ADA))["secret"]
    assert await accept(owner, secret, password="short") == "invalid_input"
    assert await accept(owner, secret) == "ok"


async def test_what_is_wrong_with_an_invitation_is_told(owner: Client) -> None:
    assert (await do(owner, "userInvite", email="no address"))["code"] == "invalid_input"
    assert (await do(owner, "userInvite", email=EMAIL.upper()))["code"] == "name_taken"
    away = await do(owner, "userInvite", email=ADA, app="nothing", appRole="VIEWER")
    assert away["code"] == "not_found"
    for half, field in (({"app": "demo"}, "appRole"), ({"appRole": "VIEWER"}, "app")):
        payload = await do(owner, "userInvite", email=ADA, **half)
        assert [fault["field"] for fault in payload["fields"]] == [field]
    assert (await owner.ask(OPEN)).data["invitations"]["edges"] == []


async def test_admins_see_what_is_open(owner: Client) -> None:
    await owner.ask(CREATE_APP, name="demo")
    await do(owner, "userInvite", email=ADA, app="demo", appRole="OPERATOR")
    [edge] = (await owner.ask(OPEN)).data["invitations"]["edges"]
    assert edge["node"] == {
        "email": ADA,
        "role": "MEMBER",
        "appRole": "OPERATOR",
        "app": {"name": "demo"},
        "createdBy": {"email": EMAIL},
    }


async def test_only_hashes_of_secrets_are_in_the_database(
    manager: RunningManager, owner: Client
) -> None:
    invited = await do(owner, "userInvite", email=ADA)
    reset = await do(owner, "passwordResetCreate", email=EMAIL)
    tables = await manager.services.pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    names = [row["tablename"] for row in tables]
    rows = [await manager.services.pool.fetch(f"SELECT t::text FROM {name} AS t") for name in names]  # noqa: S608
    dump = str([list(map(tuple, found)) for found in rows])
    assert ADA in dump
    for secret in (invited["secret"], reset["secret"]):
        assert secret not in dump
        assert secret.partition("_")[2] not in dump
