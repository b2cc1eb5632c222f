"""The command tree: help, usage, completion, and what it costs to start."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from picloud.cli.pic.main import COMMANDS, cli

from .conftest import Pic

SERVER = Path(__file__).parents[3] / "server"


def leaves(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        path = (*prefix, name)
        found += leaves(command, path) if isinstance(command, click.Group) else [path]
    return found


@pytest.mark.parametrize("path", leaves(cli), ids=" ".join)
def test_every_command_explains_itself_and_has_json(path: tuple[str, ...], pic_alone: Pic) -> None:
    result = pic_alone(*path, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: pic " + " ".join(path))
    assert ("--json" in result.stdout) is (path != ("completion",))


def test_help_lists_every_command_with_its_summary(pic_alone: Pic) -> None:
    shown = pic_alone("--help").stdout
    for name, entry in COMMANDS.items():
        assert f"  {name} " in shown
        assert entry.summary in shown


def test_version_is_printed_in_a_checkout_too(pic_alone: Pic) -> None:
    result = pic_alone("--version")
    assert re.fullmatch(r"pic \d+\.\d+\.\d+\n", result.stdout)


def test_unknown_command_is_a_usage_error(pic_alone: Pic) -> None:
    assert pic_alone("depoly").exit_code == 2


@pytest.mark.parametrize("name", ["hello", "demo/", "/hello", "a/b/c"])
def test_a_script_is_named_app_slash_script(name: str, pic_alone: Pic) -> None:
    result = pic_alone("versions", name, PIC_URL="http://localhost:1")
    assert result.exit_code == 2
    assert "APP/SCRIPT" in result.stderr


def test_a_token_on_the_command_line_is_refused(pic_alone: Pic) -> None:
    result = pic_alone("--token", "pcs_x", "whoami")
    assert (result.exit_code, "PIC_TOKEN" in result.stderr) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str, pic_alone: Pic) -> None:
    assert "_PIC_COMPLETE" in pic_alone("completion", shell).stdout


def test_help_does_not_import_the_network_libraries() -> None:
    program = (
        "import sys; from picloud.cli.pic.main import cli; cli(['--help'], standalone_mode=False);"
        "heavy = {'asyncio', 'http.client', 'httpx', 'rich', 'websockets'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SERVER)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
