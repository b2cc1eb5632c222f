"""`pic logs` without -f: the newest records, however many pages they take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.fake_platform import FakePlatform, record

from .conftest import Pic


class Log:
    """The records 1 to `count` of a script, behind `last` and `before`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[dict[str, Any]] = []

    def page(
        self,
        info: object,
        last: int,
        before: str | None = None,
        level: str | None = None,
        **_: object,
    ) -> dict[str, Any]:
        self.asked.append({"last": last, "before": before, "level": level})
        end = int(before) if before else self.count + 1
        start = max(1, end - last)
        return {
            "edges": [{"node": record(number)} for number in range(start, end)],
            "pageInfo": {
                "hasNextPage": before is not None,
                "hasPreviousPage": start > 1,
                "startCursor": str(start) if start < end else None,
            },
            "liveCursor": f"live after {self.count}, page {len(self.asked)}",
        }


@pytest.fixture
def log(platform: FakePlatform) -> Log:
    log = Log(250)
    platform.answers["script"] = platform.answers["app"] = {"logRecords": log.page}
    return log


def test_the_newest_are_printed_oldest_first(pic: Pic, log: Log) -> None:
    lines = pic("logs", "demo/hello", "-n", "2", "--utc").stdout.splitlines()
    assert lines == [
        "2026-11-21 20:00:00.123+00:00 INFO     line 249",
        "2026-11-21 20:00:00.123+00:00 INFO     line 250",
    ]
    assert log.asked == [{"last": 2, "before": None, "level": None}]


@pytest.mark.parametrize(("count", "first", "pages"), [(100, 151, 1), (201, 50, 3), (999, 1, 3)])
def test_more_than_a_page_is_collected_without_gap_or_repetition(
    pic: Pic, log: Log, count: int, first: int, pages: int
) -> None:
    shown = pic("logs", "demo/hello", "-n", str(count), "--json").stdout.splitlines()
    numbers = [json.loads(line)["number"] for line in shown]
    assert numbers == list(range(first, 251))
    assert len(log.asked) == pages


def test_none_can_be_asked_for(pic: Pic, log: Log) -> None:
    assert pic("logs", "demo/hello", "-n", "0").stdout == ""


def test_the_level_is_passed_on(pic: Pic, log: Log) -> None:
    assert pic("logs", "demo/hello", "--level", "error").exit_code == 0
    assert log.asked[0]["level"] == "ERROR"
    assert pic("logs", "demo/hello", "--level", "loud").exit_code == 2


def test_logs_of_an_app_name_the_script(pic: Pic, log: Log) -> None:
    assert " INFO     hello line 250\n" in pic("logs", "demo").stdout


def test_a_record_outlives_its_script(pic: Pic, platform: FakePlatform) -> None:
    page = Log(0).page(None, last=1) | {"edges": [{"node": record(1, script=None)}]}
    platform.answers["app"] = {"logRecords": page}
    assert " INFO     - line 1\n" in pic("logs", "demo").stdout
    assert json.loads(pic("logs", "demo", "--json").stdout)["script"] is None


def test_a_record_in_json_has_the_documented_shape(pic: Pic, log: Log) -> None:
    document = json.loads(pic("logs", "demo/hello", "-n", "1", "--json").stdout)
    assert document == {
        "invocationId": "01890000-0000-7000-8000-000000000001",
        "number": 250,
        "level": "INFO",
        "stream": "STDOUT",
        "loggedAt": "2026-11-21T20:00:00.123456+00:00",
        "text": "line 250",
        "script": "hello",
    }


def test_a_record_can_not_forge_another_or_drive_the_terminal(
    pic: Pic, platform: FakePlatform
) -> None:
    text = "Traceback\n2026-11-21 20:00:00.123+00:00 INFO     all is well\x1b[2J"
    page = Log(0).page(None, last=1) | {"edges": [{"node": record(1, text, level="ERROR")}]}
    platform.answers["script"] = {"logRecords": page}
    lines = pic("logs", "demo/hello", "--utc").stdout.splitlines()
    assert lines == [
        "2026-11-21 20:00:00.123+00:00 ERROR    Traceback",
        r"  | 2026-11-21 20:00:00.123+00:00 INFO     all is well\x1b[2J",
    ]
