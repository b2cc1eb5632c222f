"""`pic versions`, `pic deployments`, and what chooses among versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from support.fake_platform import FakePlatform
from unit.cli.test_commands import connection, deployed, hello, serves, version

Pic = Callable[..., Result]
__all__ = ["hello"]


def changed(kind: str, *shares: tuple[int, int], unchanged: bool = False) -> dict[str, Any]:
    """A mutation's success."""
    return {"__typename": kind, "unchanged": unchanged, "deployment": serves(*shares)}


def test_shares_of_a_split_are_shown_beside_the_versions(pic: Pic, platform: FakePlatform) -> None:
    listed = connection(version(1), version(2) | {"message": "two\nlines\x1b"}, version(3))
    active = serves((2, 90), (3, 10))
    platform.answers["script"] = {"activeDeployment": active, "versions": listed}
    lines = pic("versions", "demo/hello").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "90%", "10%"]
    assert " two " in lines[2]
    listed_json = json.loads(pic("versions", "list", "-n", "5", "demo/hello", "--json").stdout)
    assert [(each["active"], each["weight"]) for each in listed_json] == [
        *((False, 0), (True, 90), (True, 10)),
    ]


def test_a_comparison_is_printed_as_a_diff_with_settings(pic: Pic, platform: FakePlatform) -> None:
    seen: list[tuple[int, int]] = []

    def comparison(info: object, before: int, after: int) -> dict[str, Any]:
        seen.append((before, after))
        unified = "--- a/main.py\n+++ b/main.py\n@@ -1 +1 @@\n-a\n+b\x1b[2J\n"
        return {
            "before": {"number": before},
            "after": {"number": after},
            "files": [
                {"path": "main.py", "change": "CHANGED", "unified": unified},
                {"path": "data.bin", "change": "REMOVED", "unified": None},
            ],
            "settings": [{"name": "timeout_ms", "before": "1", "after": "2"}],
        }

    platform.answers["script"] = {"comparison": comparison}
    assert pic("versions", "diff", "demo/hello", "3", "5").stdout.splitlines() == [
        *("--- a/main.py", "+++ b/main.py", "@@ -1 +1 @@", "-a", "+b\\x1b[2J"),
        "data.bin: removed; it can't be shown as text",
        "timeout_ms: 1 -> 2",
    ]
    assert seen == [(3, 5)]
    document = json.loads(pic("versions", "diff", "demo/hello", "3", "5", "--json").stdout)
    assert document["settings"] == [{"name": "timeout_ms", "before": "1", "after": "2"}]
    platform.answers["script"] = {"comparison": None}
    result = pic("versions", "diff", "demo/hello", "3", "5")
    assert (result.exit_code, "no version 3 or 5" in result.stderr) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "field", "sent", "said"),
    [
        (["rollback"], "scriptRollback", {"to": None}, "Rolled back: demo/hello is served by"),
        (["rollback", "--to", "7"], "scriptRollback", {"to": 7}, "version 7 now."),
        (["promote", "7"], "scriptPromote", {"number": 7}, "Promoted: demo/hello is served by"),
    ],
)
def test_a_choice_is_sent_and_told(
    pic: Pic,
    platform: FakePlatform,
    arguments: list[str],
    field: str,
    sent: dict[str, Any],
    said: str,
) -> None:
    seen: list[dict[str, Any]] = []

    def choose(info: object, input: dict[str, Any]) -> dict[str, Any]:
        seen.append(input)
        return changed(f"{field[0].upper()}{field[1:]}Success", (7, 100))

    platform.answers[field] = choose
    command, *more = arguments
    result = pic(command, "demo/hello", *more, "-m", "why")
    assert said in result.stdout
    assert "Undo it:  pic rollback demo/hello" in result.stdout
    assert seen == [{"app": "demo", "name": "hello", "message": "why", **sent}]
    document = json.loads(pic(command, "demo/hello", *more, "--json").stdout)
    assert document["deployment"]["targets"] == [{"weight": 100, "version": {"number": 7}}]


def test_a_split_is_sent_shown_and_refused(pic: Pic, platform: FakePlatform) -> None:
    seen: list[Any] = []

    def split(info: object, input: dict[str, Any]) -> dict[str, Any]:
        seen.append(input["targets"])
        return changed("ScriptSplitSuccess", (12, 90), (13, 10), unchanged=len(seen) > 1)

    platform.answers["scriptSplit"] = split
    done = pic("split", "demo/hello", "12:90", "v13=10%")
    assert "served by versions 12 (90 %), 13 (10 %) now." in done.stdout
    assert seen == [[{"number": 12, "weight": 90}, {"number": 13, "weight": 10}]]
    assert pic("split", "demo/hello", "12:90", "13:10").stdout.startswith("Unchanged: ")
    for wrong in ("12", "a:b", "12:", ":90", "12:90:1", "12:-1"):
        assert pic("split", "demo/hello", wrong, "13:10").exit_code == 2, wrong
    platform.answers["script"] = {
        "activeDeployment": serves((12, 90), (13, 10)),
        "versionCounts": [
            {"version": {"number": 11}, "invocations": 5, "failed": 0},
            {"version": {"number": 13}, "invocations": 3, "failed": 2},
        ],
    }
    rows = [line.split() for line in pic("split", "demo/hello").stdout.splitlines()]
    assert rows[1:] == [["11", "0", "5", "0"], ["12", "90", "0", "0"], ["13", "10", "3", "2"]]
    [*_, last] = json.loads(pic("split", "demo/hello", "--json").stdout)
    assert last == {"version": 13, "weight": 10, "invocations": 3, "failed": 2}


def test_the_history_is_listed_with_what_was_before(pic: Pic, platform: FakePlatform) -> None:
    first = serves((1, 100)) | {"kind": "DEPLOY", "previous": None, "createdBy": None}
    second = serves((1, 90), (2, 10)) | {
        "kind": "SPLIT",
        "message": "try it",
        "previous": serves((1, 100)),
        "createdBy": {"email": "ada@example.org"},
    }
    platform.answers["script"] = {"deployments": connection(first, second)}
    lines = pic("deployments", "demo/hello").stdout.splitlines()
    assert lines[1].split()[-5:] == ["deploy", "1", "-", "-", "-"]
    assert lines[2].endswith("split   1:90 2:10  1       ada@example.org  try it")
    assert len(json.loads(pic("deployments", "demo/hello", "--json").stdout)) == 2
    platform.answers["script"] = None
    assert pic("deployments", "demo/nothing").exit_code == 4


def test_deploy_tells_what_was_not_new_and_what_does_not_serve(
    pic: Pic, platform: FakePlatform, hello: Any
) -> None:
    for more, said in (
        (
            {"newVersion": False, "unchanged": True},
            "Unchanged: version 1 of demo/hi serves already.",
        ),
        ({"newVersion": False}, "Deployed demo/hi, version 1, uploaded before."),
        ({"deployment": None}, "Uploaded demo/hi, version 1. It does not serve yet."),
    ):
        platform.answers["scriptDeploy"] = deployed(created=False) | more
        shown = pic("deploy", str(hello), "--app", "demo", "--name", "hi").stdout
        assert said in shown
        assert ("pic promote demo/hi 1" in shown) == ("deployment" in more)
