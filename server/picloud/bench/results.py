"""What a run found: samples of the servers, rows of the table, and both as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

FORMAT: Final = 1

Direction = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One segment of one server: requests per second, for `latency` the seconds of one."""

    server: str
    what: str
    round: int
    value: float
    p99: float | None = None
    others: float = 0.0
    steal: float = 0.0
    tries: int = 1
    disturbed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One row of the contract. `limit` is in the row's unit."""

    key: str
    group: str
    what: str
    limit: float | None
    direction: Direction
    unit: str
    shown: str
    """How the contract says it; empty for a row that is only for comparison."""
    rival: str = ""
    """The server it compares with; empty for a row about PiCloud alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A promise and what was measured. Without a value the measurement failed: `note` says why."""

    promise: Promise
    value: float | None
    note: str = ""
    samples: tuple[float, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the promise holds; None where there is none or no figure."""
        limit = self.promise.limit
        if self.value is None or limit is None:
            return None
        if self.promise.direction == "at least":
            return self.value >= limit
        return self.value <= limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run."""

    machine: dict[str, str]
    options: dict[str, Any]
    rows: tuple[Row, ...]
    samples: tuple[Sample, ...] = field(default=())


def to_json(report: Report) -> str:
    """The report as text; `verdict` of a row is there for readers that know no promises."""
    document = {"format": FORMAT, **dataclasses.asdict(report)}
    for shown, row in zip(document["rows"], report.rows, strict=True):
        shown["met"] = row.met
    return json.dumps(document, indent=2) + "\n"


def from_json(text: str) -> Report:
    """A report again; raises `ValueError` for another format."""
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise ValueError(f"the report has format {document.get('format')!r}, not {FORMAT}")
    return Report(
        machine=document["machine"],
        options=document["options"],
        rows=tuple(_row(row) for row in document["rows"]),
        samples=tuple(Sample(**sample) for sample in document["samples"]),
    )


def _row(document: dict[str, Any]) -> Row:
    return Row(
        promise=Promise(**document["promise"]),
        value=document["value"],
        note=document["note"],
        samples=tuple(document["samples"]),
    )


def undisturbed(samples: Sequence[Sample]) -> list[Sample]:
    """The samples to trust: the undisturbed ones, or all when there is none."""
    return [sample for sample in samples if not sample.disturbed] or list(samples)
