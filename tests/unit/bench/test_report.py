"""The tables, and the report as JSON."""

import json
from pathlib import Path

import pytest

from picloud.bench import report, results
from picloud.bench.promises import GROUPS, PROMISES
from picloud.bench.results import Report, Row, Sample


def row(key: str, value: float | None, note: str = "") -> Row:
    return Row(promise=PROMISES[key], value=value, note=note)


@pytest.fixture
def found() -> Report:
    return Report(
        machine={"measured": "2026-01-02", "cores": "2"},
        options={"quick": False},
        rows=(
            row("hello/fastapi", 2.5, "25 against 10"),
            row("cold", 360.0),
            row("log", None, "no"),
        ),
        samples=(
            Sample(server="starlette", what="hello", round=1, value=40000.4),
            Sample(server="picloud", what="hello", round=1, value=100.0, disturbed=True),
            Sample(server="picloud", what="latency", round=1, value=0.0005, p99=0.002),
        ),
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hello/fastapi", 2.0, "met"),
        ("hello/fastapi", 1.5, "missed by 25.0%"),
        ("cold", 300.0, "met"),
        ("cold", 360.0, "missed by 20.0%"),
        ("idle/sql", 0.0, "met"),
        ("idle/sql", 3.0, "missed by 3"),
        ("latency", -0.1, "met"),
        ("hello/wasmtime", 0.1, "for comparison"),
        ("log", None, "failed"),
    ],
)
def test_the_verdict_says_met_or_by_how_much_not(
    key: str, value: float | None, expected: str
) -> None:
    assert report.verdict(row(key, value)) == expected


def test_every_promise_belongs_to_a_group_that_can_be_chosen() -> None:
    assert {promise.group for promise in PROMISES.values()} == set(GROUPS)


def test_the_plain_table_is_aligned_and_complete(found: Report) -> None:
    lines = report.plain(found).splitlines()
    head = next(line for line in lines if line.startswith("what"))
    cold = next(line for line in lines if line.startswith("the same with an empty pool"))
    assert cold[head.index("measured") :].split("  ")[0] == "360.0 ms"
    assert cold[head.index("verdict") :].strip() == "missed by 20.0%"
    assert any("failed" in line and line.endswith("no") for line in lines)


def test_markdown_has_both_tables_and_marks_disturbed_medians(found: Report) -> None:
    text = report.markdown(found)
    assert "| 2.50 × | met | 25 against 10 |" in text
    assert "| starlette | 40,000 | – |" in text
    assert "| picloud | 100 * | 0.500 / 2.000 |" in text
    assert "disturbed by other load in every round" in text


def test_a_report_comes_back_from_json(found: Report) -> None:
    text = results.to_json(found)
    assert results.from_json(text) == found
    assert [shown["met"] for shown in json.loads(text)["rows"]] == [True, False, None]


def test_json_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 99"):
        results.from_json('{"format": 99}')


def test_a_document_keeps_all_but_what_is_between_its_markers(
    found: Report, tmp_path: Path
) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Head\n\n{report.BEGIN}\nold\n{report.END}\n\nTail\n")
    report.write_into(document, found)
    report.write_into(document, found)
    text = document.read_text()
    assert text.startswith("# Head\n\n")
    assert text.endswith("\n\nTail\n")
    assert text.count("| starlette |") == 1
    assert "old" not in text


def test_a_document_without_markers_is_left_alone(found: Report, tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("# Head\n")
    with pytest.raises(report.NoMarkersError, match="does not hold"):
        report.write_into(document, found)
    assert document.read_text() == "# Head\n"
