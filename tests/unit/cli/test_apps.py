"""`pic apps rename|transfer|delete|restore|quota`, `pic members`, `pic scripts delete|restore`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.fake_platform import FakePlatform

from .conftest import Pic

LATER = "2026-11-29T20:00:00+00:00"
DELETED = {
    "name": "demo",
    "deletedAt": "2026-11-22T20:00:00+00:00",
    "purgeAt": LATER,
    "deletedBy": {"email": "ann@example.org"},
}
MEMBER = {"role": "EDITOR", "user": {"email": "ann@example.org", "role": "MEMBER"}}
NO_MORE = {"hasNextPage": False, "endCursor": None}


def page(*nodes: Any) -> dict[str, Any]:
    """A list of one page."""
    return {"edges": [{"node": node} for node in nodes], "pageInfo": NO_MORE}


def sent(platform: FakePlatform) -> Any:
    """The variables of the last operation."""
    return json.loads(platform.requests[-1][1])["variables"]


def failure(kind: str, code: str, **more: Any) -> dict[str, Any]:
    """A payload that is an error."""
    return {"__typename": kind, "code": code, "message": f"Why: {code}.", **more}


def test_a_renamed_app_is_told_with_its_new_address(pic: Pic, platform: FakePlatform) -> None:
    app = {"name": "after", "formerNames": ["before"], "createdAt": LATER}
    platform.answers["appRename"] = {"__typename": "AppRenameSuccess", "app": app}
    result = pic("apps", "rename", "before", "after")
    assert (result.exit_code, sent(platform)) == (0, {"app": "before", "name": "after"})
    assert f"before is called after now: {platform.url}/x/after\n" in result.output
    document = json.loads(pic("apps", "rename", "before", "after", "--json").output)
    assert (document["formerNames"], document["url"]) == (["before"], f"{platform.url}/x/after")


def test_an_app_is_deleted_with_its_name_repeated(pic: Pic, platform: FakePlatform) -> None:
    success = {"__typename": "AppDeleteSuccess", "deletedApp": DELETED}
    platform.answers["appDelete"] = success
    result = pic("apps", "delete", "demo", "--confirm", "demo")
    assert (result.exit_code, sent(platform)) == (0, {"app": "demo", "confirm": "demo"})
    assert "pic apps restore demo" in result.output
    assert json.loads(pic("apps", "delete", "demo", "--confirm", "demo", "--json").output) == {
        name: DELETED[name] for name in ("name", "deletedAt", "purgeAt")
    }


@pytest.mark.parametrize("arguments", [("apps", "delete", "demo"), ("scripts", "delete", "demo/x")])
def test_nothing_is_deleted_where_nobody_can_be_asked(
    pic: Pic, platform: FakePlatform, arguments: tuple[str, ...]
) -> None:
    result = pic(*arguments)
    assert result.exit_code == 2
    assert "--confirm" in result.stderr
    assert platform.requests == []


def test_what_can_be_restored_is_listed_and_restored(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["deletedApps"] = page(DELETED)
    shown = pic("apps", "list", "--deleted").output
    assert "demo" in shown
    assert "ann@example.org" in shown
    assert json.loads(pic("apps", "list", "--deleted", "--json").output) == [DELETED]
    platform.answers["deletedApps"] = page()
    assert "Nothing is deleted" in pic("apps", "list", "--deleted").output
    app = {"name": "demo", "createdAt": LATER}
    platform.answers["appRestore"] = {"__typename": "AppRestoreSuccess", "app": app}
    assert "demo is back" in pic("apps", "restore", "demo").output
    platform.answers["appRestore"] = failure("NotFoundError", "not_found")
    missing = pic("apps", "restore", "demo")
    assert missing.exit_code == 4
    assert "pic apps list --deleted" in missing.stderr


def test_an_app_is_transferred(pic: Pic, platform: FakePlatform) -> None:
    success = {"__typename": "AppTransferSuccess", "app": {"name": "demo"}}
    platform.answers["appTransfer"] = success
    result = pic("apps", "transfer", "demo", "--to", "ann@example.org")
    assert (result.exit_code, sent(platform)) == (0, {"app": "demo", "email": "ann@example.org"})
    assert result.output == "ann@example.org owns demo now.\n"


def test_quotas_are_shown_and_set(pic: Pic, platform: FakePlatform) -> None:
    quotas = [{"name": "SCRIPTS", "used": 2, "limit": 7, "isOwn": True}]
    platform.answers["app"] = {"name": "demo", "quotas": quotas}
    assert "scripts  2     7      of its own" in pic("apps", "quota", "demo").output
    success = {"__typename": "AppQuotaSetSuccess", "app": platform.answers["app"]}
    platform.answers["appQuotaSet"] = success
    changes = ("--set", "scripts=7", "--set", "secrets=default")
    assert json.loads(pic("apps", "quota", "demo", *changes, "--json").output) == quotas
    assert sent(platform)["quotas"] == [
        {"name": "SCRIPTS", "limit": 7},
        {"name": "SECRETS", "limit": None},
    ]
    for wrong in ("scripts", "scripts=many", "nothing=1"):
        assert pic("apps", "quota", "demo", "--set", wrong).exit_code == 2


def test_members_are_listed(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["app"] = {"members": page(MEMBER)}
    assert "ann@example.org  editor" in pic("members", "list", "--app", "demo").output
    assert json.loads(pic("members", "list", "--app", "demo", "--json").output) == [MEMBER]
    platform.answers["app"] = None
    assert pic("members", "list", "--app", "demo").exit_code == 4


@pytest.mark.parametrize(
    ("command", "field", "kind"),
    [("add", "memberAdd", "MemberAdd"), ("role", "memberRoleSet", "MemberRoleSet")],
)
def test_members_are_added_and_changed(
    pic: Pic, platform: FakePlatform, command: str, field: str, kind: str
) -> None:
    platform.answers[field] = {"__typename": f"{kind}Success", "member": MEMBER}
    arguments = ("members", command, "ann@example.org", "--role", "editor", "--app", "demo")
    document = json.loads(pic(*arguments, "--json").output)
    assert document["member"] == {"role": "EDITOR", "user": {"email": "ann@example.org"}}
    assert sent(platform) == {"app": "demo", "email": "ann@example.org", "role": "EDITOR"}
    assert "ann@example.org" in pic(*arguments).output


def test_members_go(pic: Pic, platform: FakePlatform) -> None:
    removed = {"__typename": "MemberRemoveSuccess", "email": "ann@example.org"}
    platform.answers["memberRemove"] = removed
    result = pic("members", "remove", "ann@example.org", "--app", "demo")
    assert result.output == "ann@example.org is no member of demo any more.\n"
    platform.answers["appLeave"] = {"__typename": "AppLeaveSuccess", "appName": "demo"}
    assert pic("members", "leave", "--app", "demo").output == "You have left demo.\n"
    platform.answers["appLeave"] = failure("LastOwnerError", "last_owner")
    alone = pic("members", "leave", "--app", "demo")
    assert alone.exit_code == 1
    assert "pic apps transfer demo" in alone.stderr


def test_scripts_are_deleted_and_restored(pic: Pic, platform: FakePlatform) -> None:
    success = {"__typename": "ScriptDeleteSuccess", "deletedScript": DELETED | {"name": "hello"}}
    platform.answers["scriptDelete"] = success
    result = pic("scripts", "delete", "demo/hello", "--confirm", "hello")
    assert sent(platform) == {"app": "demo", "name": "hello", "confirm": "hello"}
    assert "pic scripts restore demo/hello" in result.output
    platform.answers["app"] = {"deletedScripts": page(DELETED | {"name": "hello"})}
    assert "hello" in pic("scripts", "list", "--deleted", "--app", "demo").output
    script = {"name": "hello", "createdAt": LATER, "activeVersion": {"number": 2}}
    platform.answers["scriptRestore"] = {"__typename": "ScriptRestoreSuccess", "script": script}
    assert json.loads(pic("scripts", "restore", "demo/hello", "--json").output) == {
        "app": "demo",
        **script,
    }
