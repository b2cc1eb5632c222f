"""`pic audit`: filters, lines for people, and documents for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from picloud.cli.pic import times
from support.fake_platform import FakePlatform

from .conftest import Pic

ENTRY: dict[str, Any] = {
    "entryId": "01890000-0000-7000-8000-000000000001",
    "at": "2026-11-21T20:00:00+00:00",
    "action": "app.create",
    "actor": "ada@example.org",
    "credential": "TOKEN",
    "credentialId": "01890000-0000-7000-8000-000000000002",
    "token": {"id": "opaque", "name": "ci"},
    "address": "192.0.2.1",
    "agent": "pic",
    "appName": "demo",
    "target": "demo",
    "before": None,
    "after": {"name": "demo"},
}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def pages(platform: FakePlatform, *found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the log consist of these pages; what each was asked with comes into the list."""
    seen: list[dict[str, Any]] = []

    def resolve(info: object, **asked: Any) -> dict[str, Any]:
        seen.append(asked)
        at = int(asked.get("after") or 0)
        more = {"hasNextPage": at + 1 < len(found), "endCursor": str(at + 1)}
        edges = [{"cursor": "c", "node": entry} for entry in found[at]]
        return {"edges": edges, "pageInfo": more | {"hasPreviousPage": False}}

    platform.answers["auditEntries"] = resolve
    platform.answers["app"] = {"auditEntries": resolve}
    return seen


def test_a_line_says_who_did_what_from_where_with_what(pic: Pic, platform: FakePlatform) -> None:
    refused = ENTRY | {"actor": None, "credential": None, "token": None, "action": "\x1b[2J"}
    pages(platform, [ENTRY, refused])
    lines = pic("audit", TZ="UTC").stdout.splitlines()
    for word in ("ada@example.org", "token ci", "192.0.2.1", "app.create", '{"name": "demo"}'):
        assert word in lines[1]
    assert r"\x1b[2J" in lines[2]


def test_json_is_one_document_for_each_entry(pic: Pic, platform: FakePlatform) -> None:
    seen = pages(platform, [ENTRY, ENTRY])
    lines = pic("audit", "--json", "-n", "2").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [ENTRY, ENTRY]
    assert seen[0]["last"] == 2


def test_export_walks_all_pages(pic: Pic, platform: FakePlatform) -> None:
    seen = pages(platform, [ENTRY, ENTRY], [ENTRY])
    lines = pic("audit", "export", "--app", "demo").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [ENTRY] * 3
    assert [asked.get("after") for asked in seen] == [None, "1"]


def test_filters_are_sent(pic: Pic, platform: FakePlatform) -> None:
    seen = pages(platform, [])
    given = ("--actor", "a@b", "--action", "app.create", "--target", "demo", "--since", "24h")
    assert pic("audit", *given).stdout == "The audit log has no such entry.\n"
    assert pic("audit", "export", *given).stdout == ""
    for asked in seen:
        where = asked["where"]
        assert {name: where[name] for name in ("actor", "action", "target")} == {
            "actor": "a@b",
            "action": "app.create",
            "target": "demo",
        }
        since = datetime.fromisoformat(str(where["since"]))
        assert timedelta(hours=23) < datetime.now(UTC) - since < timedelta(hours=25)


def test_a_missing_app_is_not_found(pic: Pic, platform: FakePlatform) -> None:
    platform.answers["app"] = None
    assert pic("audit", "--app", "nothing").exit_code == 4
    assert pic("audit", "export", "--app", "nothing").exit_code == 4


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-11-21T14:00+02:00", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21T14:00Z", datetime(2026, 11, 21, 14, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_write_them(text: str, moment: datetime) -> None:
    assert times.parse(text, now=NOW, ago=True) == moment


def test_a_time_without_a_zone_is_the_readers() -> None:
    found = times.parse("2026-11-21T14:00", now=NOW, ago=True)
    assert found.tzinfo is not None
    assert found.replace(tzinfo=None) == datetime(2026, 11, 21, 14)


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "7y", "-1h", "2026-13-01", "999999999w", "\u0661h"]
)
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        times.parse(text, now=NOW, ago=True)
