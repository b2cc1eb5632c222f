"""`pic login`, `pic logout`, `pic whoami`."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

from starlette.responses import PlainTextResponse

from support.fake_platform import TOKEN, FakePlatform

from .conftest import Pic

USER = {"email": "ada@example.org", "role": "ADMIN", "createdAt": "2026-11-21T20:00:00+00:00"}


def allow_log_in(platform: FakePlatform) -> None:
    def session_create(info: object, input: dict[str, str]) -> dict[str, Any]:
        if input != {"email": "ada@example.org", "password": "secret"}:
            return {
                "__typename": "InvalidCredentialsError",
                "code": "invalid_credentials",
                "message": "The e-mail address or the password is wrong.",
            }
        return {
            "__typename": "SessionCreateSuccess",
            "token": TOKEN,
            "expiresAt": "2026-12-21T20:00:00+00:00",
            "user": USER,
        }

    platform.answers = {"sessionCreate": session_create, "viewer": {"user": USER}}


def test_log_in_is_remembered_privately(
    pic_alone: Pic, platform: FakePlatform, config_home: Path
) -> None:
    allow_log_in(platform)
    result = pic_alone("login", platform.url, "--email", "ada@example.org", "--password", "secret")
    assert result.exit_code == 0
    assert "Logged in" in result.stdout
    kept = config_home / "picloud" / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text())["default"] == platform.url
    who = pic_alone("whoami", "--json")
    assert json.loads(who.stdout) == {"url": platform.url, "user": USER}


def test_password_can_be_piped_in(pic_alone: Pic, platform: FakePlatform) -> None:
    allow_log_in(platform)
    arguments = ("login", platform.url, "--email", "ada@example.org", "--password-stdin", "--json")
    result = pic_alone(*arguments, stdin="secret\n")
    document = json.loads(result.stdout)
    assert document["user"] == {"email": "ada@example.org", "role": "ADMIN"}
    assert TOKEN not in result.output


def test_absent_password_is_asked_for_without_echo(pic_alone: Pic, platform: FakePlatform) -> None:
    allow_log_in(platform)
    result = pic_alone("login", platform.url, "--email", "ada@example.org", stdin="secret\n")
    assert result.exit_code == 0
    assert "Password" in result.stderr
    assert "secret" not in result.output


def test_everything_can_be_asked_for_and_stdout_stays_json(
    pic_alone: Pic, platform: FakePlatform
) -> None:
    allow_log_in(platform)
    result = pic_alone("login", platform.url, "--json", stdin="ada@example.org\nsecret\n")
    assert json.loads(result.stdout)["url"] == platform.url


def test_wrong_password_is_not_allowed_and_changes_nothing(
    pic_alone: Pic, platform: FakePlatform, config_home: Path
) -> None:
    allow_log_in(platform)
    result = pic_alone("login", platform.url, "--email", "ada@example.org", "--password", "x")
    assert (result.exit_code, "password is wrong" in result.stderr) == (3, True)
    assert not config_home.exists()


def test_an_open_connection_to_another_machine_is_warned_of(pic_alone: Pic) -> None:
    arguments = ("login", "http://pi.invalid:1", "--email", "a@b", "--password", "x")
    result = pic_alone(*arguments)
    assert "not encrypted" in result.stderr
    assert result.exit_code == 5


def test_log_out_forgets_the_platform(
    pic_alone: Pic, platform: FakePlatform, config_home: Path
) -> None:
    allow_log_in(platform)
    platform.answers["sessionDelete"] = {"__typename": "SessionDeletePayload"}
    pic_alone("login", platform.url, "--email", "ada@example.org", "--password", "secret")
    result = pic_alone("logout", "--json")
    assert json.loads(result.stdout) == {"url": platform.url, "sessionEnded": True}
    assert TOKEN not in (config_home / "picloud" / "credentials.json").read_text()
    assert pic_alone("whoami").exit_code == 3


def test_log_out_from_a_platform_that_is_gone_forgets_it_all_the_same(
    pic_alone: Pic, platform: FakePlatform
) -> None:
    allow_log_in(platform)
    pic_alone("login", platform.url, "--email", "ada@example.org", "--password", "secret")
    platform.graphql_answer = PlainTextResponse("bad gateway", status_code=502)
    result = pic_alone("logout")
    assert result.exit_code == 0
    assert "Forgotten here only" in result.stderr
    assert pic_alone("whoami").exit_code == 3


def test_log_in_waits_for_a_platform_that_is_starting(
    pic_alone: Pic, platform: FakePlatform
) -> None:
    allow_log_in(platform)
    platform.graphql_answer = PlainTextResponse("starting", status_code=503)
    ready = threading.Timer(0.7, lambda: setattr(platform, "graphql_answer", None))
    ready.start()
    result = pic_alone("login", platform.url, "--email", "ada@example.org", "--password", "secret")
    ready.join()
    assert result.exit_code == 0
    assert "does not answer yet; waiting up to 120 s" in result.stderr


def test_log_in_does_not_wait_when_told_so(pic_alone: Pic, platform: FakePlatform) -> None:
    platform.graphql_answer = PlainTextResponse("starting", status_code=503)
    arguments = ("login", platform.url, "--email", "a@b", "--password", "x", "--wait", "0")
    result = pic_alone(*arguments)
    assert result.exit_code == 5
    assert "waiting" not in result.stderr


def test_without_a_log_in_the_next_command_is_named(pic_alone: Pic) -> None:
    result = pic_alone("whoami")
    assert result.exit_code == 3
    assert "pic login" in result.stderr


def test_a_token_that_has_ended_says_so(pic: Pic) -> None:
    result = pic("whoami", PIC_TOKEN="pcs_other")
    assert result.exit_code == 3
    assert "Log in again:  pic login http://127.0.0.1" in result.stderr
