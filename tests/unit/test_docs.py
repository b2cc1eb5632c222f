"""The documents keep up with the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from picloud.cli.pic.errors import CLI_CODES
from picloud.cli.pic.main import COMMANDS, cli
from picloud.errors import PiCloudError

ROOT = Path(__file__).parents[2]
ERRORS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
CLI_DOC = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
# What a sandbox may report (docs/link.md) and what a check of a source may find.
LINK_CODES = {
    "script_raised",
    "import_failed",
    "handler_missing",
    "handler_invalid",
    "answer_invalid",
    "answer_too_large",
    "out_of_memory",
    "cancelled",
    "interpreter_died",
}
CHECK_CODES = {"syntax_error", "entry_point_missing", "handler_invalid", "source_invalid"}
GRAPHQL_CODES = {
    *("unauthenticated", "bad_request", "internal", "body_too_large", "cross_origin"),
    *("not_acceptable", "too_many_subscriptions", "too_many_sockets"),
}
INGRESS_CODES = {"not_found", "method_not_allowed", "timeout", "shutting_down", "sandbox_died"}


def documented() -> set[str]:
    first_cells = re.findall(r"^\| (`[^|]*) \|", ERRORS, re.MULTILINE)
    return {code for cell in first_cells for code in re.findall(r"`(\w+)`", cell)}


def server_codes() -> set[str]:
    """The `code` of every class of the tree of errors, read from the sources."""
    codes = {PiCloudError.code}
    for path in (ROOT / "server" / "picloud").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                codes |= set(class_codes(node))
    return codes


def class_codes(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                yield code


def test_the_codes_of_the_server_are_found() -> None:
    assert {"internal", "not_found", "node_unavailable", "link_broken"} <= server_codes()


def test_every_error_of_the_server_is_documented() -> None:
    assert server_codes() - documented() == set()


@pytest.mark.parametrize(
    "codes", [LINK_CODES, CHECK_CODES, GRAPHQL_CODES, INGRESS_CODES, set(CLI_CODES)]
)
def test_every_code_others_see_is_documented(codes: set[str]) -> None:
    assert codes - documented() == set()


def test_no_code_is_explained_twice_in_one_table() -> None:
    for section in ERRORS.split("\n## ")[1:]:
        codes = re.findall(r"^\| `(\w+)`", section, re.MULTILINE)
        assert len(codes) == len(set(codes)), section.splitlines()[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_pic_and_its_options_are_documented(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    assert f"pic {name}" in CLI_DOC
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name != "as_json":
            assert any(option in CLI_DOC for option in parameter.opts), parameter.opts


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            if not (document.parent / target).exists():
                broken.append(f"{document.relative_to(ROOT)} -> {target}")
    assert broken == []
