"""What is printed can't drive the terminal."""

from __future__ import annotations

import re
import sys

import pytest

from picloud.cli.pic import output
from picloud.cli.pic.addresses import host_form, path_form


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢 \t\n", "plain ü 漢 \t\n"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\x00\x07\x7f", r"a\x0db\x00\x07\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egnp.exe\u2069", r"\u202egnp.exe\u2069"),
        ("a\u2028b\udc80", r"a\u2028b\udc80"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert output.escape(text) == shown


def test_times_are_local_and_carry_their_offset() -> None:
    stamp = "2026-11-21T20:00:00.123456+00:00"
    assert output.local_time(stamp, utc=True) == "2026-11-21 20:00:00.123+00:00"
    assert re.fullmatch(r"\S+ \d\d:\d\d:\d\d\.123[+-]\d\d:\d\d", output.local_time(stamp))


def test_columns_line_up_whatever_their_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["A", "B"], [["\x1b[32mlonger\x1b[0m", "x"], ["s", "y"]])
    assert capsys.readouterr().out == "A       B\nlonger  x\ns       y\n"


def test_a_table_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    output.table(
        ["NAME", "WHAT", "N"],
        [
            ["short", "a text that is far too long for a line of forty", "12345678"],
            ["漢字", "漢" * 40, "1"],
        ],
    )
    shown = re.sub(r"\x1b\[\d+m", "", capsys.readouterr().out).splitlines()
    assert [output.width(line) <= 40 for line in shown] == [True, True, True]
    assert shown[1] == "short  a text that is far too…  12345678"
    assert shown[2].endswith("漢…  1")


def test_a_narrow_terminal_leaves_columns_readable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "5")
    output.table(["A", "B"], [["a-long-name", "another-name"]])
    assert "a-long-…  another…" in capsys.readouterr().out


def test_what_is_piped_is_never_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output.table(["A"], [["x" * 50]])
    assert "x" * 50 in capsys.readouterr().out


def test_addresses_have_a_path_form_and_a_host_form() -> None:
    assert path_form("http://localhost:8080", "demo", "a") == "http://localhost:8080/x/demo/a"
    assert host_form("http://localhost:8080", "demo", "a") == "http://demo.localhost:8080/a"
    assert host_form("http://127.0.0.1:8080", "demo", "a") is None
    assert host_form("http://[::1]:8080", "demo") is None
