"""The documents that the bench sends are those of the published schema."""

from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from picloud.bench import api

SCHEMA = build_schema((Path(__file__).parents[3] / "schema.graphql").read_text("utf-8"))


@pytest.mark.parametrize("document", [api.SESSION, api.APP, api.DEPLOY, api.COLD, api.LOG])
def test_a_document_is_valid_in_the_schema(document: str) -> None:
    assert validate(SCHEMA, parse(document)) == []


def test_a_document_with_an_unknown_field_would_be_noticed() -> None:
    assert validate(SCHEMA, parse(api.LOG.replace("text", "txt"))) != []
