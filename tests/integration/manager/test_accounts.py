"""One's own account: sessions, passwords, and how often may be tried (A1, A3, G17)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.manager import EMAIL, LOG_IN, PASSWORD, Client, RunningManager, running_manager
from support.people import PASSWORD as NEW
from support.people import do, newcomer

WRONG = "wrong pass"
VIEWER = "{ viewer { user { email } } }"
SESSIONS = (
    "{ viewer { sessions { edges { node"
    " { id current method address agent createdAt usedAt expiresAt } } } } }"
)
REVOKE_OTHERS = "mutation { sessionRevokeOthers { ... on SessionRevokeOthersSuccess { ended } } }"


async def stands(client: Client) -> bool:
    """Whether the client's session is worth anything."""
    body = (await client.ask(VIEWER)).response.json()
    return "errors" not in body


async def sessions(client: Client) -> list[dict[str, object]]:
    """The sessions a user sees."""
    found = (await client.ask(SESSIONS)).data["viewer"]["sessions"]["edges"]
    return [edge["node"] for edge in found]


async def code_of_log_in(client: Client, email: str = EMAIL, password: str = WRONG) -> str:
    """How a log-in was answered."""
    payload = (await client.ask(LOG_IN, email=email, password=password)).data["sessionCreate"]
    return str(payload.get("code", "ok"))


def coming_from(client: Client, address: str, **headers: str) -> Client:
    """The same program somewhere else, as Caddy tells."""
    return Client(client.socket, client.token, {"x-forwarded-for": address, **headers})


async def test_sessions_are_listed_with_where_how_and_when(anonymous: Client) -> None:
    home = coming_from(anonymous, "192.0.2.1", **{"user-agent": "Browser/1"})
    first = await home.log_in()
    second = await home.log_in()
    first.headers = home.headers
    found = await sessions(first)
    assert [each["current"] for each in found] == [True, False]
    assert {each["address"] for each in found} == {"192.0.2.1"}
    assert {each["agent"] for each in found} == {"Browser/1"}
    assert {each["method"] for each in found} == {"PASSWORD"}
    assert [each["current"] for each in await sessions(second)] == [False, True]


async def test_the_last_use_is_noted_but_rarely(manager: RunningManager, owner: Client) -> None:
    [before] = await sessions(owner)
    assert await sessions(owner) == [before]
    await manager.services.pool.execute(
        "UPDATE sessions SET used_at = used_at - interval '6 minutes'"
    )
    elsewhere = coming_from(owner, "198.51.100.7", **{"user-agent": "Other/2"})
    await stands(elsewhere)
    [after] = await sessions(elsewhere)
    assert datetime.now(UTC) - datetime.fromisoformat(str(after["usedAt"])) < timedelta(minutes=1)
    assert (after["address"], after["agent"]) == ("198.51.100.7", "Other/2")


async def test_a_session_of_ones_own_can_be_ended_and_nobody_elses(owner: Client) -> None:
    other = await Client(owner.socket).log_in()
    ada = await newcomer(owner, "ada@example.org")
    [hers] = await sessions(ada)
    assert (await do(owner, "sessionRevoke", id=hers["id"]))["code"] == "not_found"
    assert (await do(owner, "sessionRevoke", id="nonsense"))["code"] == "not_found"
    [mine] = [each for each in await sessions(other) if each["current"]]
    assert (await do(owner, "sessionRevoke", id=mine["id"]))["id"] == mine["id"]
    assert not await stands(other)
    assert await stands(owner)
    assert await stands(ada)
    assert (await do(owner, "sessionRevoke", id=mine["id"]))["code"] == "not_found"


async def test_all_other_sessions_can_be_ended(owner: Client) -> None:
    others = [await Client(owner.socket).log_in() for _ in range(3)]
    assert (await owner.ask(REVOKE_OTHERS)).data["sessionRevokeOthers"]["ended"] == 3
    assert [await stands(each) for each in others] == [False] * 3
    assert await stands(owner)


async def test_a_log_in_ends_the_session_it_was_sent_with(owner: Client) -> None:
    again = await owner.log_in()
    assert again.token != owner.token
    assert not await stands(owner)
    assert await stands(again)


async def test_a_token_somebody_else_chose_is_never_taken_over(anonymous: Client) -> None:
    planted = "pcs_" + "A" * 43
    victim = Client(anonymous.socket, headers={"cookie": f"picloud_session={planted}"})
    logged_in = await victim.log_in()
    assert logged_in.token != planted
    assert not await stands(Client(anonymous.socket, planted))


async def test_the_cookie_is_for_one_host_by_tls(anonymous: Client) -> None:
    secure = Client(anonymous.socket, headers={"x-forwarded-proto": "https"})
    answer = await secure.ask(LOG_IN, email=EMAIL, password=PASSWORD)
    cookie = answer.response.headers["set-cookie"]
    assert cookie.startswith("__Host-picloud_session=pcs_")
    for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    name_and_token = cookie.partition(";")[0]
    secure.headers["cookie"] = name_and_token
    assert await stands(secure)
    secure.headers["cookie"] = name_and_token.removeprefix("__Host-")
    assert not await stands(secure)  # anybody's subdomain could have set this one


async def test_a_proxy_that_ends_tls_is_told_by_the_public_address(database_url: str) -> None:
    with TemporaryDirectory(prefix="pc-") as directory:
        public = "https://picloud.example.org"
        async with running_manager(database_url, Path(directory), public_url=public) as manager:
            answer = await manager.client.ask(LOG_IN, email=EMAIL, password=PASSWORD)
            cookie = answer.response.headers["set-cookie"]
            assert cookie.startswith("__Host-picloud_session=")
            assert "Secure" in cookie
            browser = Client(manager.client.socket, headers={"cookie": cookie.partition(";")[0]})
            assert await stands(browser)
            invited = await do(browser, "userInvite", email="ada@example.org")
            assert invited["url"].startswith(f"{public}/join#pci_")


async def test_a_new_password_ends_every_session_and_begins_one(
    owner: Client, anonymous: Client
) -> None:
    other = await anonymous.log_in()
    given = {"oldPassword": PASSWORD, "newPassword": NEW}
    changed = await do(owner, "passwordChange", **given)
    assert not await stands(owner)
    assert not await stands(other)
    assert await stands(Client(owner.socket, changed["token"]))
    assert await code_of_log_in(anonymous, password=PASSWORD) == "invalid_credentials"
    assert await code_of_log_in(anonymous, password=NEW) == "ok"


async def test_a_new_password_needs_the_old_one(owner: Client) -> None:
    for old in ("wrong", "", "x" * 2_000, "\0"):
        payload = await do(owner, "passwordChange", oldPassword=old, newPassword=NEW)
        assert payload["code"] == "invalid_credentials"
    short = await do(owner, "passwordChange", oldPassword=PASSWORD, newPassword="short")
    assert [fault["field"] for fault in short["fields"]] == ["newPassword"]
    assert await stands(owner)
    assert (await do(Client(owner.socket), "sessionCreate", email=EMAIL, password=PASSWORD))[
        "token"
    ]


async def test_an_admin_gives_leave_to_choose_a_new_password(
    owner: Client, anonymous: Client
) -> None:
    ada = await newcomer(owner, "ada@example.org")
    made = await do(owner, "passwordResetCreate", email="ada@example.org")
    assert made["url"] == f"http://localhost:8080/reset-password#{made['secret']}"
    assert await stands(ada)  # until it is used
    reset = await do(anonymous, "passwordReset", secret=made["secret"], newPassword="another one!")
    assert reset["user"]["email"] == "ada@example.org"
    assert not await stands(ada)
    assert await stands(Client(owner.socket, reset["token"]))
    assert await code_of_log_in(anonymous, "ada@example.org", "another one!") == "ok"
    again = await do(anonymous, "passwordReset", secret=made["secret"], newPassword="yet another")
    assert again["code"] == "not_found"


async def test_a_leave_ends_by_time_by_another_and_with_the_user(
    manager: RunningManager, owner: Client, anonymous: Client
) -> None:
    await newcomer(owner, "ada@example.org")

    async def leave() -> str:
        return str((await do(owner, "passwordResetCreate", email="ada@example.org"))["secret"])

    async def use(secret: str) -> str:
        payload = await do(anonymous, "passwordReset", secret=secret, newPassword="another one!")
        return str(payload.get("code", "ok"))

    first, second = await leave(), await leave()
    assert await use(first) == "not_found"
    await manager.services.pool.execute(
        "UPDATE password_resets SET created_at = now() - interval '2 days',"
        " expires_at = now() - interval '1 second'"
    )
    assert await use(second) == "not_found"
    third = await leave()
    await do(owner, "userDisable", email="ada@example.org")
    assert await use(third) == "not_found"
    await do(owner, "userEnable", email="ada@example.org")
    assert await use(third) == "not_found"
    fourth = await leave()
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(use(fourth)) for _ in range(6)]
    assert sorted(task.result() for task in tries) == ["not_found"] * 5 + ["ok"]


@pytest.fixture
async def strict(database_url: str) -> AsyncIterator[RunningManager]:
    """A manager that allows few tries, because each of them costs a hash."""
    with TemporaryDirectory(prefix="pc-") as directory:
        async with running_manager(
            database_url, Path(directory), login_tries_per_account=3, login_tries_per_address=5
        ) as running:
            yield running


async def test_guesses_at_an_account_are_few_and_its_owner_is_not_kept_out(
    strict: RunningManager,
) -> None:
    owner = await strict.client.log_in()
    codes = [
        await code_of_log_in(coming_from(strict.client, f"192.0.2.{number}")) for number in range(5)
    ]
    assert codes == ["invalid_credentials"] * 3 + ["too_many_attempts"] * 2
    stranger = coming_from(strict.client, "198.51.100.1")
    assert await code_of_log_in(stranger, password=PASSWORD) == "too_many_attempts"
    payload = await do(stranger, "sessionCreate", email=EMAIL, password=PASSWORD)
    assert 0 < payload["retryAfterSeconds"] <= 200
    assert "3 in 10 minutes are allowed for this account" in payload["message"]
    assert await stands(owner)
    assert await stands(await owner.log_in())  # from a session that is known
    rows = await strict.services.pool.fetch(
        "SELECT target, before, after FROM audit_entries WHERE action = 'session.refused'"
    )
    assert [row["target"] for row in rows] == [EMAIL] * 3
    assert WRONG not in str([list(row) for row in rows])


async def test_guesses_from_one_address_are_few(strict: RunningManager) -> None:
    home = coming_from(strict.client, "192.0.2.1")
    # Addresses of nobody: each costs a hash all the same.
    codes = [await code_of_log_in(home, f"user-{n}@example.org") for n in range(7)]
    assert codes == ["invalid_credentials"] * 5 + ["too_many_attempts"] * 2
    elsewhere = coming_from(strict.client, "192.0.2.2")
    assert await code_of_log_in(elsewhere, password=PASSWORD) == "ok"


async def test_each_alias_of_one_request_is_a_try(strict: RunningManager) -> None:
    one = f'sessionCreate(input: {{email: "{EMAIL}", password: "x"}}) {{ ... on Error {{ code }} }}'
    query = "mutation { " + " ".join(f"a{n}: {one}" for n in range(8)) + " }"
    body = (await strict.client.ask(query)).response.json()
    codes = [payload["code"] for payload in body["data"].values()]
    assert codes == ["invalid_credentials"] * 3 + ["too_many_attempts"] * 5


async def test_who_stole_a_session_can_not_guess_the_password_for_long(
    strict: RunningManager,
) -> None:
    thief = await strict.client.log_in()
    given = {"oldPassword": WRONG, "newPassword": NEW}
    codes = [(await do(thief, "passwordChange", **given))["code"] for _ in range(4)]
    assert codes == ["invalid_credentials"] * 3 + ["too_many_attempts"]


@pytest.mark.parametrize("change", ["userDisable", "passwordResetCreate"])
async def test_an_open_subscription_ends_with_its_session(owner: Client, change: str) -> None:
    await owner.ask('mutation { appCreate(input: {name: "demo"}) { __typename } }')
    ada = await newcomer(owner, "ada@example.org", app="demo", appRole="OPERATOR")
    async with ada.follow('subscription { invocationFinished(app: "demo") { cursor } }') as tail:
        made = await do(owner, change, email="ada@example.org")
        if change == "passwordResetCreate":
            given = {"secret": made["secret"], "newPassword": "another one!"}
            await do(Client(owner.socket), "passwordReset", **given)
        message = await asyncio.wait_for(tail.message(), 5)
        assert message["type"] != "next" or message["payload"]["errors"]
