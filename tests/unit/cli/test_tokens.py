"""`pic tokens`: what is sent, what is shown, and the secret that is shown once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.fake_platform import FakePlatform

from .conftest import Pic
from .test_environment import answer, listed

SECRET = "pic_" + "a" * 36
TOKEN: dict[str, Any] = {
    "id": "opaque",
    "tokenId": "01890000-0000-7000-8000-000000000001",
    "name": "ci",
    "scopes": ["DEPLOY"],
    "app": {"name": "demo"},
    "script": None,
    "user": {"email": "ada@example.org"},
    "createdAt": "2026-11-21T20:00:00+00:00",
    "expiresAt": None,
    "lastUsedAt": None,
}
MADE = {"__typename": "TokenCreateSuccess", "secret": SECRET, "token": TOKEN}
REVOKED = {"__typename": "TokenRevokeSuccess", "revokedAt": "2026-11-21T20:00:00+00:00"}


def page(*tokens: dict[str, Any]) -> dict[str, Any]:
    """A connection of these tokens."""
    return listed(*tokens) | {"edges": [{"cursor": "c", "node": token} for token in tokens]}


def test_only_the_secret_is_on_stdout(pic: Pic, platform: FakePlatform) -> None:
    seen = answer(platform, "tokenCreate", MADE)
    shown = pic("tokens", "create", "ci", "--scope", "deploy", "--scope", "logs", "--app", "demo")
    assert shown.stdout == f"{SECRET}\n"
    assert "shown this once" in shown.stderr
    assert seen == [
        {
            "name": "ci",
            "scopes": ["DEPLOY", "LOGS"],
            "app": "demo",
            "script": None,
            "expiresAt": None,
        }
    ]


def test_a_script_brings_its_app_and_a_span_becomes_a_time(
    pic: Pic, platform: FakePlatform
) -> None:
    seen = answer(platform, "tokenCreate", MADE)
    command = ("tokens", "create", "ci", "--scope", "read", "--script", "demo/hello")
    document = json.loads(pic(*command, "--expires", "90d", "--json").stdout)
    assert document == {"secret": SECRET, "token": TOKEN}
    assert (seen[0]["app"], seen[0]["script"]) == ("demo", "hello")
    ends = datetime.fromisoformat(str(seen[0]["expiresAt"]))
    assert timedelta(days=89) < ends - datetime.now(UTC) <= timedelta(days=90)


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--scope", "everything"),
        ("--scope", "read", "--script", "hello"),
        ("--scope", "read", "--app", "a", "--script", "a/b"),
        ("--scope", "read", "--expires", "soon"),
        ("--scope", "read", "--expires", "99999999w"),
    ],
)
def test_wrong_usage_sends_nothing(
    pic: Pic, platform: FakePlatform, wrong: tuple[str, ...]
) -> None:
    assert pic("tokens", "create", "ci", *wrong).exit_code == 2
    assert platform.requests == []


def test_a_refusal_names_its_fields(pic: Pic, platform: FakePlatform) -> None:
    fault = {"field": "scopes", "message": "deploy: the token you ask with does not have it"}
    refused = {
        "__typename": "InvalidInputError",
        "code": "invalid_input",
        "message": "scopes: …",
        "fields": [fault],
    }
    answer(platform, "tokenCreate", refused)
    result = pic("tokens", "create", "ci", "--scope", "deploy")
    assert result.exit_code == 1
    assert "does not have it" in result.stderr
    assert result.stdout == ""


def test_the_list_says_what_each_is_for(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["viewer"] = {"tokens": page(TOKEN, TOKEN | {"name": "\x1b[2J", "app": None})}
    lines = pic("tokens", "list").stdout.splitlines()
    assert lines[1].split()[:6] == ["ci", "deploy", "demo", "ada@example.org", "never", "never"]
    assert lines[2].startswith(r"\x1b[2J")
    assert "every app" in lines[2]
    assert json.loads(pic("tokens", "list", "--json").stdout)[0] == TOKEN


def test_an_empty_list_says_what_to_do_and_a_missing_app_is_not_found(
    pic: Pic, platform: FakePlatform
) -> None:
    platform.answers["viewer"] = {"tokens": page()}
    assert "pic tokens create" in pic("tokens", "list").stdout
    platform.answers["app"] = None
    assert pic("tokens", "list", "--app", "nothing").exit_code == 4


@pytest.mark.parametrize("said", ["ci", TOKEN["tokenId"]])
def test_a_token_is_revoked_by_name_or_id(pic: Pic, platform: FakePlatform, said: str) -> None:
    platform.answers["viewer"] = {"tokens": page(TOKEN, TOKEN | {"name": "b", "tokenId": "c"})}
    seen = answer(platform, "tokenRevoke", REVOKED)
    assert pic("tokens", "revoke", said).stdout == "Revoked the token ci.\n"
    assert seen == [{"id": "opaque"}]


def test_two_of_one_name_are_told_apart_by_id(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["app"] = {"tokens": page(TOKEN, TOKEN | {"tokenId": "other"})}
    seen = answer(platform, "tokenRevoke", REVOKED)
    result = pic("tokens", "revoke", "ci", "--app", "demo")
    assert result.exit_code == 1
    assert "pic tokens list --app demo" in result.stderr
    assert seen == []


def test_what_is_not_listed_is_left_to_the_platform(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["viewer"] = {"tokens": page()}
    refused = {"__typename": "NotFoundError", "code": "not_found", "message": "There is no token."}
    seen = answer(platform, "tokenRevoke", refused)
    assert pic("tokens", "revoke", "old").exit_code == 4
    assert seen == [{"id": "old"}]
