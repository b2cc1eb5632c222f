"""The report for people: the table of promises and the table of servers."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picloud.bench import stats
from picloud.bench.promises import COMPARED, THROUGHPUT
from picloud.bench.results import Report, Row, Sample, undisturbed

BEGIN: Final = "<!-- bench:begin (written by ./picloud bench --markdown) -->"
END: Final = "<!-- bench:end -->"
_HEAD: Final = ("what", "promise", "measured", "verdict", "from")
_UNITS: Final = {"hello": "req/s", "echo": "req/s", "cpu": "req/s", "latency": "ms"}

Table = list[tuple[str, ...]]


class NoMarkersError(Exception):
    """The document has no place for the table."""


def measured(row: Row) -> str:
    """The figure with its unit."""
    if row.value is None:
        return "–"
    unit = row.promise.unit
    if unit in ("×", "% of a core"):
        return f"{row.value:.2f} {unit}"
    if unit == "statements":
        return f"{row.value:.0f}"
    return f"{row.value:.3f} {unit}" if abs(row.value) < 1 else f"{row.value:.1f} {unit}"


def verdict(row: Row) -> str:
    """Met, or missed and by how much of the promise."""
    if row.value is None:
        return "failed"
    if row.met is None:
        return "for comparison"
    if row.met:
        return "met"
    limit = row.promise.limit
    if not limit:
        return f"missed by {row.value:.0f}"
    return f"missed by {abs(row.value - limit) / limit:.1%}"


def promises_table(report: Report) -> Table:
    """A line per row, under a head."""
    lines: Table = [_HEAD]
    for row in report.rows:
        lines.append(
            (row.promise.what, row.promise.shown or "–", measured(row), verdict(row), row.note)
        )
    return lines


def servers_table(report: Report) -> Table:
    """A line per server with its medians; a `*` marks medians of disturbed segments."""
    groups = [group for group in COMPARED if any(s.what == group for s in report.samples)]
    if not groups:
        return []
    head = ["server"]
    for group in groups:
        head.append(f"{group} {_UNITS[group]}" if group in THROUGHPUT else "latency p50 / p99 ms")
    lines: Table = [tuple(head)]
    for server in dict.fromkeys(sample.server for sample in report.samples):
        own = [s for s in report.samples if s.server == server]
        cells = [_cell([s for s in own if s.what == group]) for group in groups]
        lines.append((server, *cells))
    return lines


def _cell(samples: Sequence[Sample]) -> str:
    if not samples:
        return "–"
    kept = undisturbed(samples)
    mark = " *" if kept[0].disturbed else ""
    value = stats.median([sample.value for sample in kept])
    if samples[0].what != "latency":
        return f"{value:,.0f}{mark}"
    p99 = stats.median([sample.p99 or 0.0 for sample in kept])
    return f"{value * 1000:.3f} / {p99 * 1000:.3f}{mark}"


def about(report: Report) -> str:
    """What the figures were measured on and with."""
    return "; ".join(f"{name} {value}" for name, value in report.machine.items())


def markdown(report: Report) -> str:
    """Both tables for a document."""
    parts = [f"{about(report)}."]
    for table in (promises_table(report), servers_table(report)):
        if len(table) > 1:
            lines = ["| " + " | ".join(line) + " |" for line in table]
            lines.insert(1, "|" + " --- |" * len(table[0]))
            parts.append("\n".join(lines))
    if any(line.endswith("*") for row in servers_table(report) for line in row):
        parts.append("\\* disturbed by other load in every round.")
    return "\n\n".join(parts) + "\n"


def plain(report: Report) -> str:
    """Both tables for a terminal."""
    parts = [about(report)]
    for table in (promises_table(report), servers_table(report)):
        if len(table) > 1:
            parts.append(_aligned(table))
    return "\n\n".join(parts) + "\n"


def width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _aligned(table: Table) -> str:
    widths = [max(width(line[column]) for line in table) for column in range(len(table[0]))]
    lines = []
    for line in table:
        cells = [text + " " * (size - width(text)) for text, size in zip(line, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * size for size in widths))
    return "\n".join(lines)


def write_into(document: Path, report: Report) -> None:
    """Put the tables between the markers of a document; raises `NoMarkersError` without them."""
    text = document.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoMarkersError(f"{document} does not hold both {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n\n{markdown(report)}\n{END}{after}", "utf-8")
