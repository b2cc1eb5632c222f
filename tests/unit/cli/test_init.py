"""`pic init` writes what it says and overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from picloud import assets
from picloud.cli.pic.main import cli


def test_a_template_is_written_as_it_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["init", str(tmp_path), "-t", "guestbook-asgi"])
    assert result.exit_code == 0
    written = (tmp_path / "guestbook_asgi.py").read_text()
    assert written == (assets.examples() / "guestbook_asgi.py").read_text()
    assert "pic dev" in result.output


def test_nothing_is_overwritten_nor_half_written(tmp_path: Path) -> None:
    (tmp_path / "test_hello.py").write_text("mine")
    result = CliRunner().invoke(cli, ["init", str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "file_exists"
    assert [file.name for file in tmp_path.iterdir()] == ["test_hello.py"]
    assert (tmp_path / "test_hello.py").read_text() == "mine"


def test_an_unknown_template_names_the_way_to_the_known(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["init", str(tmp_path), "-t", "nope"])
    assert result.exit_code == 4
    assert "pic init --list" in result.output


def test_every_template_says_what_it_does() -> None:
    result = CliRunner().invoke(cli, ["init", "--list", "--json"])
    listed = json.loads(result.stdout)
    assert listed[0]["name"] == "hello"
    assert len(listed) == len(list(assets.examples().glob("*.py")))
    assert all(len(each["summary"]) > 10 for each in listed)


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    result = CliRunner().invoke(cli, ["init", str(tmp_path / "taken" / "below")])
    assert result.exit_code == 1
    assert "can't be written to" in result.output
