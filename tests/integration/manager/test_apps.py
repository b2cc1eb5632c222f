"""Renaming apps, whose names they are, and what apps may have."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from picloud.domain.quota import DEFAULTS, Quota
from picloud.store import app_names
from support.changes import change, refused, succeed
from support.manager import CREATE_APP, Client, RunningManager
from support.users import a_member, a_user

APP = "query ($name: String!) { app(name: $name) { id name formerNames url } }"
QUOTAS = "query ($app: String!) { app(name: $app) { quotas { name used limit isOwn } } }"


@pytest.fixture
async def demo(owner: Client) -> Client:
    """The owner, with an app named demo."""
    await owner.ask(CREATE_APP, name="demo")
    return owner


async def app(client: Client, name: str) -> Any:
    """An app as the API shows it."""
    return (await client.ask(APP, name=name)).data["app"]


async def quota(client: Client, name: str, of: str = "demo") -> Any:
    """One quota of an app."""
    found = (await client.ask(QUOTAS, app=of)).data["app"]["quotas"]
    [one] = [each for each in found if each["name"] == name]
    return one


async def test_an_app_is_found_by_the_names_it_had(manager: RunningManager, demo: Client) -> None:
    before = await app(demo, "demo")
    await succeed(demo, "appRename", app="demo", name="second")
    await succeed(demo, "appRename", app="demo", name="third")  # by its former name
    now = await app(demo, "third")
    assert (now["id"], now["name"]) == (before["id"], "third")
    assert now["formerNames"] == ["demo", "second"]
    assert await app(demo, "demo") == await app(demo, "second") == now
    assert await app_names.load_aliases(manager.services.pool) == {
        "demo": "third",
        "second": "third",
    }
    # Changes by a former name reach the app, too.
    variables = [{"name": "A", "value": "1"}]
    answer = await succeed(demo, "envSet", "app { name }", app="second", variables=variables)
    assert answer["app"]["name"] == "third"


async def test_a_former_name_is_the_apps_own(manager: RunningManager, demo: Client) -> None:
    await succeed(demo, "appRename", app="demo", name="renamed")
    ann = await a_user(manager, "ann")
    assert await refused(ann, "appCreate", name="demo") == "name_taken"
    await succeed(ann, "appCreate", name="hers")
    assert await refused(ann, "appRename", app="hers", name="demo") == "name_taken"
    assert await refused(ann, "appRename", app="hers", name="renamed") == "name_taken"
    await succeed(demo, "appRename", app="renamed", name="demo")
    assert (await app(demo, "renamed"))["formerNames"] == ["renamed"]
    assert await refused(ann, "appCreate", name="renamed") == "name_taken"


@pytest.mark.parametrize("name", ["admin", "No", "", "a" * 64, "demo"])
async def test_a_name_no_app_may_have_is_refused(demo: Client, name: str) -> None:
    assert await refused(demo, "appRename", app="demo", name=name) == "invalid_input"


async def test_only_owners_rename_and_a_stranger_learns_nothing_by_a_former_name(
    manager: RunningManager, demo: Client
) -> None:
    editor = await a_member(manager, "demo", "editor")
    assert await refused(editor, "appRename", app="demo", name="mine") == "permission_denied"
    await succeed(demo, "appRename", app="demo", name="renamed")
    stranger = await a_user(manager, "stranger")
    assert await app(stranger, "demo") is None
    answers = [
        await change(stranger, "appRename", app=name, name="mine") for name in ("demo", "none")
    ]
    assert str(answers[0]).replace("demo", "none") == str(answers[1])


async def test_of_many_who_want_a_name_at_once_one_gets_it(
    manager: RunningManager, demo: Client
) -> None:
    await succeed(demo, "appCreate", name="other")
    answers = await asyncio.gather(
        change(demo, "appRename", app="demo", name="wanted"),
        change(demo, "appRename", app="other", name="wanted"),
        change(demo, "appCreate", name="wanted"),
        change(demo, "appCreate", name="wanted"),
    )
    assert sorted(each.get("code", "") for each in answers) == ["", *["name_taken"] * 3]


async def test_a_name_that_is_given_up_is_never_anothers_for_a_moment(
    manager: RunningManager, demo: Client
) -> None:
    ann = await a_user(manager, "ann")
    name = "demo"
    for number in range(8):
        answers = await asyncio.gather(
            change(demo, "appRename", app=name, name=f"next-{number}"),
            change(ann, "appCreate", name=name),
        )
        assert [each.get("code") for each in answers] == [None, "name_taken"]
        name = f"next-{number}"


async def test_an_app_keeps_so_many_former_names(demo: Client) -> None:
    limit, _ = DEFAULTS[Quota.FORMER_NAMES]
    name = "demo"
    for number in range(limit):
        await succeed(demo, "appRename", app=name, name=f"name-{number}")
        name = f"name-{number}"
    payload = await change(demo, "appRename", app=name, name="one-more")
    assert payload["code"] == "quota_exceeded"
    assert f"former_names={limit}" in payload["message"]
    await succeed(demo, "appRename", app=name, name="demo")  # back to one it has


async def test_quotas_are_shown_with_what_is_there(
    manager: RunningManager, demo: Client, node: list[str]
) -> None:
    assert await quota(demo, "SCRIPTS") == {
        "name": "SCRIPTS",
        "used": 0,
        "limit": DEFAULTS[Quota.SCRIPTS][0],
        "isOwn": False,
    }
    assert (await demo.deploy("demo", "hello", "x = 1"))["__typename"] == "ScriptDeploySuccess"
    await a_member(manager, "demo", "viewer")
    found = (await demo.ask(QUOTAS, app="demo")).data["app"]["quotas"]
    used = {each["name"]: each["used"] for each in found}
    assert used == {
        **dict.fromkeys(("TOKENS", "ENV_VARIABLES", "SECRETS", "FORMER_NAMES"), 0),
        **dict.fromkeys(("SCRIPTS", "SOURCE_MB", "ROUTES"), 1),
        "MEMBERS": 2,
    }


async def test_an_admin_gives_an_app_quotas_of_its_own_and_takes_them_back(
    manager: RunningManager, demo: Client
) -> None:
    set_to = {"app": "demo", "quotas": [{"name": "SECRETS", "limit": 3}]}
    await succeed(demo, "appQuotaSet", **set_to)
    assert (await quota(demo, "SECRETS"))["limit"] == 3
    assert (await quota(demo, "SECRETS"))["isOwn"]
    await succeed(demo, "appQuotaSet", app="demo", quotas=[{"name": "SECRETS"}])
    assert await quota(demo, "SECRETS") == {
        "name": "SECRETS",
        "used": 0,
        "limit": DEFAULTS[Quota.SECRETS][0],
        "isOwn": False,
    }
    member = await a_member(manager, "demo", "owner", "ann")
    assert await refused(member, "appQuotaSet", **set_to) == "permission_denied"
    stranger = await a_user(manager, "stranger")
    assert await refused(stranger, "appQuotaSet", **set_to) == "not_found"
    for limit in (-1, 1_000_001):
        wrong = {"app": "demo", "quotas": [{"name": "SECRETS", "limit": limit}]}
        assert await refused(demo, "appQuotaSet", **wrong) == "invalid_input"


async def limited(demo: Client, name: str, limit: int) -> None:
    """Give the app demo a quota of its own."""
    await succeed(demo, "appQuotaSet", app="demo", quotas=[{"name": name, "limit": limit}])


@pytest.mark.parametrize("name", ["ENV_VARIABLES", "SECRETS", "MEMBERS", "SCRIPTS", "ROUTES"])
async def test_a_quota_is_met_named_and_holds_for_many_at_once(
    manager: RunningManager, demo: Client, node: list[str], name: str
) -> None:
    present = (await quota(demo, name))["used"]
    await limited(demo, name, present + 2)
    for number in range(6):
        await a_user(manager, f"user-{number}")

    async def one(number: int) -> Any:
        pair = [{"name": f"N{number}", "value": "1"}]
        match name:
            case "ENV_VARIABLES":
                return await change(demo, "envSet", app="demo", variables=pair)
            case "SECRETS":
                return await change(demo, "secretSet", app="demo", secrets=pair)
            case "MEMBERS":
                email = f"user-{number}@example.org"
                return await change(demo, "memberAdd", app="demo", email=email, role="VIEWER")
            case _:
                return await demo.deploy("demo", f"script-{number}")

    answers = await asyncio.gather(*(one(number) for number in range(6)))
    codes = sorted(each.get("code", "") for each in answers)
    assert codes == ["", "", *["quota_exceeded"] * 4]
    said = next(each["message"] for each in answers if each.get("code"))
    assert f"{name.lower()}={present + 2}" in said
    assert (await quota(demo, name))["used"] == present + 2


async def test_an_app_over_its_quota_keeps_what_it_has_and_may_change_it(
    demo: Client,
) -> None:
    values = [{"name": name, "value": "1"} for name in ("A", "B", "C")]
    await succeed(demo, "envSet", app="demo", variables=values)
    await limited(demo, "ENV_VARIABLES", 1)
    await succeed(demo, "envSet", app="demo", variables=[{"name": "A", "value": "2"}])
    one_more = [{"name": "D", "value": "1"}]
    assert await refused(demo, "envSet", app="demo", variables=one_more) == "quota_exceeded"


async def test_sources_of_all_versions_count_in_megabytes(demo: Client, node: list[str]) -> None:
    await limited(demo, "SOURCE_MB", 1)
    source = "#" * 600_000 + "\nx = 1"
    assert (await demo.deploy("demo", "hello", source))["__typename"] == "ScriptDeploySuccess"
    payload = await demo.deploy("demo", "hello", source + " + 1")
    assert (payload["__typename"], payload["code"]) == ("QuotaExceededError", "quota_exceeded")
    assert "source_mb=1" in payload["message"]


async def test_a_user_creates_so_many_apps_and_an_admin_any_number(
    manager: RunningManager, owner: Client
) -> None:
    manager.services.apps.max_per_user = 2
    ann = await a_user(manager, "ann")
    answers = await asyncio.gather(
        *(change(ann, "appCreate", name=f"app-{number}") for number in range(5))
    )
    assert sorted(each.get("code", "") for each in answers) == ["", "", *["quota_exceeded"] * 3]
    assert "max_apps_per_user=2" in str(answers)
    for number in range(3):
        await succeed(owner, "appCreate", name=f"more-{number}")
