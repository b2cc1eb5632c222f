"""What Tab offers, asked as a shell asks it."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_platform import FakePlatform

from .conftest import Pic


def connection(*names: str) -> dict[str, Any]:
    return {
        "edges": [{"node": {"name": name, "createdAt": "2026-11-21T20:00:00Z"}} for name in names],
        "pageInfo": {"hasNextPage": False},
    }


def offered(pic: Pic, line: str, **env: str | None) -> list[str]:
    words = line.split(" ")
    completing = {
        "_PIC_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = pic(**completing, **env)
    assert (result.exit_code, result.stderr) == (0, "")
    return [shown.removeprefix("plain,") for shown in result.stdout.split()]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("pic dep", ["deploy", "deployments"]),
        ("pic scripts list --app de", ["demo", "dev"]),
        ("pic logs d", ["demo/", "dev/"]),
        ("pic logs dem", ["demo/hello", "demo/help"]),
        ("pic invoke demo/hell", ["demo/hello"]),
        ("pic versions demo/x", []),
    ],
)
def test_names_are_offered(pic: Pic, platform: FakePlatform, line: str, names: list[str]) -> None:
    platform.answers["apps"] = connection("demo", "dev", "shop")
    platform.answers["app"] = {"scripts": connection("hello", "help")}
    assert offered(pic, line) == names


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "no://address", None])
def test_a_platform_that_is_away_offers_nothing(pic_alone: Pic, url: str | None) -> None:
    assert offered(pic_alone, "pic logs d", PIC_URL=url) == []
    assert offered(pic_alone, "pic deploy x.py --app d", PIC_URL=url) == []
