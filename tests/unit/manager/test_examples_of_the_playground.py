"""The playground's examples are queries of today's schema, within its limits."""

from __future__ import annotations

import re
from pathlib import Path

import graphql
import pytest

from picloud.manager.graphql.cost import QueryLimits, check_cost
from picloud.manager.schema import export

ROOT = Path(__file__).resolve().parents[3]
SOURCE = (ROOT / "playground" / "src" / "examples.ts").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r'title: "([^"]+)",.*?query: `([^`]+)`', SOURCE, re.DOTALL))
SCHEMA = graphql.build_schema(export())


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == SOURCE.count("query: `") >= 9


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_fits_the_schema_and_its_limits(title: str) -> None:
    document = graphql.parse(EXAMPLES[title])
    assert graphql.validate(SCHEMA, document) == []
    check_cost(SCHEMA, document, {}, QueryLimits())


def test_each_kind_of_operation_is_shown() -> None:
    kinds = {query.split(maxsplit=1)[0] for query in EXAMPLES.values()}
    assert kinds == {"query", "mutation", "subscription"}
