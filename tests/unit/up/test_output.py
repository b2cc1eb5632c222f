"""All lines are kept; only what matters is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from picloud.up import output
from picloud.up.output import Output, RotatedFile


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(output, "say", lines.append)
    return lines


def test_warnings_and_tracebacks_are_shown_and_the_rest_is_only_kept(
    tmp_path: Path, shown: list[str]
) -> None:
    lines = Output("node", tmp_path, verbose=False)
    for line in (
        "INFO a routine matter",
        "WARNING something odd",
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "ValueError: bad",
        "INFO fine again",
        '{"level":"error","msg":"x"}',
    ):
        lines.line(line.encode())
    lines.close()
    assert [line.partition("| ")[2] for line in shown] == [
        "WARNING something odd",
        "Traceback (most recent call last):",
        '  File "x.py", line 1',
        "ValueError: bad",
        '{"level":"error","msg":"x"}',
    ]
    assert (tmp_path / "node.log").read_bytes().count(b"\n") == 7


def test_verbose_shows_everything_and_a_stop_is_quiet(tmp_path: Path, shown: list[str]) -> None:
    verbose, quiet = Output("a", tmp_path, verbose=True), Output("b", tmp_path, verbose=False)
    verbose.line(b"INFO x\n")
    quiet.line(b"ERROR x\n", quiet=True)
    verbose.close()
    quiet.close()
    assert [line[0] for line in shown] == ["a"]


def test_a_log_is_rotated_and_old_ones_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_FILE_BYTES", 100)
    log = RotatedFile(tmp_path / "x.log")
    for number in range(60):
        log.write(f"line {number:04}\n".encode())
    log.close()
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["x.log", "x.log.1", "x.log.2", "x.log.3"]
    assert all(file.stat().st_size <= 100 for file in tmp_path.iterdir())
    assert (tmp_path / "x.log").read_bytes().endswith(b"line 0059\n")
