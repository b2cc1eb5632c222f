"""The operations of `pic` fit the schema of this release."""

from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from picloud.cli.pic import app_operations, operations, people_operations
from support.fake_platform import SCHEMA_FILE

ALL = operations.ALL | app_operations.ALL | people_operations.ALL


@pytest.mark.parametrize("name", ALL)
def test_operation_is_valid(name: str) -> None:
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert validate(schema, parse(ALL[name])) == []


def test_all_operations_are_found() -> None:
    assert {"SESSION_CREATE", "SCRIPT_DEPLOY", "LOG_TAIL", "APP_RENAME"} <= set(ALL)
