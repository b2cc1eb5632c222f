"""`pic env`, `pic secrets`, `pic egress`: what is sent, what is shown, and what never is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.fake_platform import FakePlatform

from .conftest import Pic
from .test_suggestions import offered

STAMP = "2026-11-21T20:00:00+00:00"
BY = {"updatedAt": STAMP, "updatedBy": {"email": "ada@example.org"}}
APP = ("--app", "demo")


def listed(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A connection of one page."""
    page = {"hasNextPage": False, "hasPreviousPage": False}
    return {"edges": [{"cursor": "c", "node": node | BY} for node in nodes], "pageInfo": page}


def answer(platform: FakePlatform, mutation: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Let a mutation give this; what it was sent comes into the list."""
    seen: list[dict[str, Any]] = []

    def resolve(info: object, input: dict[str, Any]) -> dict[str, Any]:
        seen.append(input)
        return payload

    platform.answers[mutation] = resolve
    return seen


def test_env_is_listed_with_values_that_can_not_drive_the_terminal(
    pic: Pic, platform: FakePlatform
) -> None:
    nodes = ({"name": "A", "value": "x\n\x1b[2J"}, {"name": "B", "value": None})
    platform.answers["app"] = {"envVariables": listed(*nodes)}
    shown = pic("env", "list", *APP).stdout.splitlines()
    assert shown[1].split()[:3] == ["A", r"x\n\x1b[2J", "ada@example.org"]
    assert shown[2].split()[:2] == ["B", "-"]
    document = json.loads(pic("env", "list", *APP, "--json").stdout)
    assert document == [node | BY for node in nodes]


@pytest.mark.parametrize("command", ["env", "secrets"])
def test_an_empty_list_says_what_to_do_and_a_missing_app_is_not_found(
    pic: Pic, platform: FakePlatform, command: str
) -> None:
    platform.answers["app"] = {"envVariables": listed(), "secrets": listed()}
    assert f"pic {command} set NAME" in pic(command, "list", *APP).stdout
    assert pic(command, "list", *APP, "--json").stdout == "[]\n"
    platform.answers["app"] = None
    assert pic(command, "list", *APP).exit_code == 4


def test_env_is_set_all_at_once_and_a_value_may_hold_an_equals_sign(
    pic: Pic, platform: FakePlatform
) -> None:
    seen = answer(platform, "envSet", {"__typename": "EnvSetSuccess"})
    result = pic("env", "set", "A=1", "B=x=y", "C=", *APP)
    assert "Set A, B, C of demo" in result.stdout
    variables = [("A", "1"), ("B", "x=y"), ("C", "")]
    assert seen == [
        {
            "app": "demo",
            "script": None,
            "variables": [{"name": n, "value": v} for n, v in variables],
        },
    ]
    document = json.loads(pic("env", "set", "A=1", *APP, "--json").stdout)
    assert document == {"app": "demo", "script": None, "set": ["A"]}
    assert pic("env", "set", "A", *APP).exit_code == 2


@pytest.mark.parametrize(
    ("command", "mutation", "success"),
    [("env", "envUnset", "EnvUnsetSuccess"), ("secrets", "secretUnset", "SecretUnsetSuccess")],
)
def test_names_are_unset_together_and_a_missing_one_is_not_found(
    pic: Pic, platform: FakePlatform, command: str, mutation: str, success: str
) -> None:
    seen = answer(platform, mutation, {"__typename": success})
    document = json.loads(pic(command, "unset", "A", "B", *APP, "--json").stdout)
    assert document == {"app": "demo", "script": None, "unset": ["A", "B"]}
    assert seen == [{"app": "demo", "script": None, "names": ["A", "B"]}]
    missing = {"__typename": "NotFoundError", "code": "not_found", "message": "There is no C."}
    answer(platform, mutation, missing)
    result = pic(command, "unset", "C", *APP)
    assert (result.exit_code, result.stdout) == (4, "")
    assert f"pic {command} list --app demo" in result.stderr


def test_secrets_are_listed_by_how_they_end(pic: Pic, platform: FakePlatform) -> None:
    nodes = ({"name": "A", "hint": "••••wxyz"}, {"name": "B", "hint": None})
    platform.answers["app"] = {"secrets": listed(*nodes)}
    shown = pic("secrets", "list", *APP).stdout.splitlines()
    assert shown[1].split()[:2] == ["A", "••••wxyz"]
    assert shown[2].split()[:2] == ["B", "-"]
    assert json.loads(pic("secrets", "list", *APP, "--json").stdout) == [n | BY for n in nodes]


@pytest.mark.parametrize(
    ("stdin", "value"),
    [("geheim\n", "geheim"), ("geheim\r\n", "geheim"), ("ein\nzwei\n\n", "ein\nzwei\n")],
)
def test_a_secret_comes_from_standard_input_and_is_shown_nowhere(
    pic: Pic, platform: FakePlatform, stdin: str, value: str
) -> None:
    seen = answer(platform, "secretSet", {"__typename": "SecretSetSuccess"})
    result = pic("secrets", "set", "TOKEN", *APP, stdin=stdin)
    assert seen == [{"app": "demo", "script": None, "secrets": [{"name": "TOKEN", "value": value}]}]
    assert "Set TOKEN of demo" in result.stdout
    assert "geheim" not in result.output


def test_a_secret_is_never_taken_from_an_argument(pic: Pic, platform: FakePlatform) -> None:
    result = pic("secrets", "set", "TOKEN=geheim", *APP, stdin="")
    assert result.exit_code == 2
    assert "arguments are seen by every user" in result.stderr
    assert platform.requests == []


def test_a_secret_that_is_no_text_is_refused(pic: Pic, platform: FakePlatform) -> None:
    result = pic("secrets", "set", "TOKEN", *APP, "--json", stdin=b"abc\xff")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "input_unreadable"
    assert platform.requests == []


def test_a_lost_key_is_told_with_what_to_do(pic: Pic, platform: FakePlatform) -> None:
    failure = {"code": "secrets_unreadable", "message": "the key file is missing"}
    answer(platform, "secretSet", {"__typename": "SecretsUnreadableError", **failure})
    result = pic("secrets", "set", "TOKEN", *APP, stdin="x")
    assert result.exit_code == 1
    assert "key file is missing" in result.stderr


def test_the_policy_is_shown_and_set(pic: Pic, platform: FakePlatform) -> None:
    policy = {"mode": "ALLOW_LIST", "allow": ["api.example.com:443"], **BY}
    platform.answers["app"] = {"egress": policy}
    assert pic("egress", "show", *APP).stdout == "allow_list\n  api.example.com:443\n"
    assert json.loads(pic("egress", "show", *APP, "--json").stdout) == policy
    payload = {"__typename": "AppEgressSetSuccess", "app": {"egress": policy}}
    seen = answer(platform, "appEgressSet", payload)
    hosts = ("--allow", "a.example", "--allow", "b.example:8443")
    result = pic("egress", "set", *APP, "--mode", "allow_list", *hosts)
    assert result.stdout.startswith("allow_list\n")
    assert seen[0]["allow"] == ["a.example", "b.example:8443"]
    assert pic("egress", "set", *APP, "--mode", "internet", *hosts).exit_code == 2
    assert pic("egress", "set", *APP, "--mode", "everything").exit_code == 2


def test_what_is_of_one_script_is_listed_and_changed_alone(
    pic: Pic, platform: FakePlatform
) -> None:
    script = (*APP, "--script", "hello")
    platform.answers["script"] = {
        "envVariables": listed({"name": "A", "value": "own"}),
        "secrets": listed({"name": "T", "hint": None}),
    }
    assert "own" in pic("env", "list", *script).stdout
    [secret] = json.loads(pic("secrets", "list", *script, "--json").stdout)
    assert secret["name"] == "T"
    assert offered(pic, "pic env unset --app demo --script hello ") == ["A"]
    seen = answer(platform, "envSet", {"__typename": "EnvSetSuccess"})
    assert "Set A of demo/hello;" in pic("env", "set", "A=1", *script).stdout
    assert seen[0]["script"] == "hello"
    platform.answers["script"] = None
    result = pic("env", "list", *script)
    assert (result.exit_code, "demo/hello" in result.stderr) == (4, True)


def test_names_of_an_app_are_offered(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["app"] = {
        "envVariables": listed({"name": "MODE", "value": "x"}, {"name": "OTHER", "value": "x"}),
        "secrets": listed({"name": "TOKEN", "hint": None}),
    }
    assert offered(pic, "pic env unset --app demo M") == ["MODE"]
    assert offered(pic, "pic secrets unset --app demo ") == ["TOKEN"]
    assert offered(pic, "pic secrets unset ") == []
    assert offered(pic, "pic deploy x.py --limit log") == ["log_bytes=", "log_line_bytes="]
