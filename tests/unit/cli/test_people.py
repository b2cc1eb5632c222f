"""`pic users`, `pic join`, `pic password`, `pic sessions`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.fake_platform import TOKEN, FakePlatform

from .conftest import Pic

STAMP = "2026-11-21T20:00:00+00:00"
USER = {"email": "ada@example.org", "role": "MEMBER", "createdAt": STAMP, "disabledAt": None}
INVITATION = {
    "email": "ada@example.org",
    "role": "MEMBER",
    "app": {"name": "demo"},
    "appRole": "VIEWER",
    "createdBy": None,
    "createdAt": STAMP,
    "expiresAt": STAMP,
}
BEGUN = {"token": TOKEN, "expiresAt": STAMP, "user": USER}


def connection(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A whole list."""
    return {
        "edges": [{"node": node} for node in nodes],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }


def failing(kind: str, code: str, message: str) -> dict[str, Any]:
    """An error of a payload."""
    return {"__typename": kind, "code": code, "message": message}


def test_users_are_listed(pic: Pic, platform: FakePlatform) -> None:
    disabled = {**USER, "email": "bob@example.org", "disabledAt": STAMP}
    platform.answers = {"users": connection(USER, disabled)}
    table = pic("users", "list").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["E-MAIL", "ada@example.org", "bob@example.org"]
    assert table[1].rstrip().endswith("-")
    assert json.loads(pic("users", "list", "--json").stdout) == [USER, disabled]


def test_an_invitation_is_a_link_to_hand_over(pic: Pic, platform: FakePlatform) -> None:
    asked: list[dict[str, Any]] = []

    def user_invite(info: object, input: dict[str, Any]) -> dict[str, Any]:
        asked.append(input)
        return {
            "__typename": "UserInviteSuccess",
            "url": "http://localhost:8080/join#pci_x",
            "secret": "pci_x",
            "invitation": INVITATION,
        }

    platform.answers = {"userInvite": user_invite}
    options = ("--app", "demo", "--app-role", "viewer")
    result = pic("users", "invite", "ada@example.org", *options)
    assert "pic join 'http://localhost:8080/join#pci_x'" in result.stdout
    assert asked == [
        {"email": "ada@example.org", "role": "MEMBER", "app": "demo", "appRole": "VIEWER"}
    ]
    document = json.loads(pic("users", "invite", "ada@example.org", "--json").stdout)
    assert document == {"url": "http://localhost:8080/join#pci_x", "secret": "pci_x", **INVITATION}
    assert pic("users", "invite", "ada@example.org", "--app", "demo").exit_code == 2


def test_an_invitation_is_taken_back_by_its_address(pic: Pic, platform: FakePlatform) -> None:
    revoked: list[str] = []

    def revoke(info: object, input: dict[str, str]) -> dict[str, Any]:
        revoked.append(input["id"])
        return {"__typename": "InvitationRevokeSuccess", "email": "ada@example.org"}

    platform.answers = {
        "invitations": connection({"id": "I1", **INVITATION}),
        "invitationRevoke": revoke,
    }
    assert "demo (viewer)" in pic("users", "invitations").stdout
    assert pic("users", "uninvite", "Ada@example.org").exit_code == 0
    assert revoked == ["I1"]
    missing = pic("users", "uninvite", "bob@example.org")
    assert (missing.exit_code, revoked) == (4, ["I1"])


def test_roles_and_disabling_print_the_user_as_they_are_now(
    pic: Pic, platform: FakePlatform
) -> None:
    platform.answers = {
        "userRoleSet": {"__typename": "UserRoleSetSuccess", "user": USER},
        "userDisable": {"__typename": "UserDisableSuccess", "user": USER},
        "userEnable": {"__typename": "UserEnableSuccess", "user": USER},
    }
    for command in (("role", USER["email"], "member"), ("disable", USER["email"])):
        assert json.loads(pic("users", *map(str, command), "--json").stdout) == USER
    assert pic("users", "enable", "ada@example.org").stdout == "ada@example.org may log in.\n"


def test_a_refusal_says_what_to_do_next(pic: Pic, platform: FakePlatform) -> None:
    message = "The instance would be left without an admin who can log in."
    platform.answers = {"userDisable": failing("LastAdminError", "last_admin", message)}
    result = pic("users", "disable", "ada@example.org")
    assert result.exit_code == 1
    assert message in result.stderr
    assert "pic users role EMAIL admin" in result.stderr


def test_a_reset_is_a_link_to_hand_over(pic: Pic, platform: FakePlatform) -> None:
    platform.answers = {
        "passwordResetCreate": {
            "__typename": "PasswordResetCreateSuccess",
            "url": "http://localhost:8080/reset-password#pcr_x",
            "secret": "pcr_x",
            "expiresAt": STAMP,
            "user": USER,
        }
    }
    result = pic("users", "reset-password", "ada@example.org")
    assert "pic password reset 'http://localhost:8080/reset-password#pcr_x'" in result.stdout


def test_joining_chooses_a_password_and_remembers_the_session(
    pic_alone: Pic, platform: FakePlatform, config_home: Path
) -> None:
    asked: list[dict[str, str]] = []

    def accept(info: object, input: dict[str, str]) -> dict[str, Any]:
        asked.append(input)
        return {"__typename": "InvitationAcceptSuccess", **BEGUN}

    platform.answers = {"invitationAccept": accept, "viewer": {"user": USER}}
    link = f"{platform.url}/join#pci_secret"
    arguments = ("join", link, "--email", "ada@example.org", "--password-stdin", "--json")
    result = pic_alone(*arguments, stdin="a long password\n")
    assert json.loads(result.stdout)["user"] == {"email": "ada@example.org", "role": "MEMBER"}
    assert TOKEN not in result.output
    assert asked == [
        {"secret": "pci_secret", "email": "ada@example.org", "password": "a long password"}
    ]
    assert json.loads((config_home / "picloud" / "credentials.json").read_text())["default"]
    assert pic_alone("whoami").exit_code == 0


def test_a_link_without_a_secret_and_one_that_was_used_are_told(
    pic_alone: Pic, platform: FakePlatform
) -> None:
    platform.answers = {"invitationAccept": failing("NotFoundError", "not_found", "Gone.")}
    options = ("--email", "a@b.example", "--password-stdin")
    assert pic_alone("join", platform.url, *options, stdin="x").exit_code == 2
    used = pic_alone("join", f"{platform.url}/join#pci_x", *options, stdin="a long password")
    assert used.exit_code == 4
    assert "Ask for another one" in used.stderr
    empty = pic_alone("join", f"{platform.url}/join#pci_x", *options, stdin="")
    assert "input ended" in empty.stderr


def test_a_new_password_replaces_the_session_that_is_remembered(
    pic: Pic, platform: FakePlatform, config_home: Path
) -> None:
    asked: list[dict[str, str]] = []

    def change(info: object, input: dict[str, str]) -> dict[str, Any]:
        asked.append(input)
        return {"__typename": "PasswordChangeSuccess", **BEGUN}

    platform.answers = {"passwordChange": change}
    result = pic("password", "change", "--password-stdin", stdin="the old one\nthe new one\n")
    assert "Changed the password of ada@example.org" in result.stdout
    assert asked == [{"oldPassword": "the old one", "newPassword": "the new one"}]
    kept = json.loads((config_home / "picloud" / "credentials.json").read_text())
    assert kept["servers"][platform.url]["token"] == TOKEN


def test_a_password_is_reset_with_the_link(pic_alone: Pic, platform: FakePlatform) -> None:
    platform.answers = {"passwordReset": {"__typename": "PasswordResetSuccess", **BEGUN}}
    link = f"{platform.url}/reset-password#pcr_x"
    assert (
        pic_alone("password", "reset", link, "--password-stdin", stdin="the new one\n").exit_code
        == 0
    )


def test_too_many_attempts_say_when_to_come_back(pic: Pic, platform: FakePlatform) -> None:
    message = "Too many attempts to log in: 10 in 10 minutes are allowed. Try again in 47 s."
    error = failing("TooManyAttemptsError", "too_many_attempts", message)
    platform.answers = {"passwordChange": {**error, "retryAfterSeconds": 47}}
    result = pic("password", "change", "--password-stdin", "--json", stdin="old\nthe new one\n")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["message"] == message


def test_sessions_are_listed_and_ended(pic: Pic, platform: FakePlatform) -> None:
    session = {
        "id": "S1",
        "current": True,
        "method": "PASSWORD",
        "address": "192.0.2.1",
        "agent": "\x1b[2Jpic",
        "createdAt": STAMP,
        "usedAt": STAMP,
        "expiresAt": STAMP,
    }
    platform.answers = {
        "viewer": {"sessions": connection(session)},
        "sessionRevoke": {"__typename": "SessionRevokeSuccess"},
        "sessionRevokeOthers": {"__typename": "SessionRevokeOthersSuccess", "ended": 3},
    }
    shown = pic("sessions", "list").stdout
    assert "\x1b" not in shown.splitlines()[1]
    assert shown.splitlines()[1].startswith("*")
    assert json.loads(pic("sessions", "list", "--json").stdout) == [session]
    assert pic("sessions", "revoke", "S1").stdout == "Ended 1 session.\n"
    assert json.loads(pic("sessions", "revoke", "--others", "--json").stdout) == {"ended": 3}
    assert pic("sessions", "revoke").exit_code == 2
    assert pic("sessions", "revoke", "S1", "--others").exit_code == 2
