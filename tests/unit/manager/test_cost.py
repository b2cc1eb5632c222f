"""What a query costs, by example and against a measure that expands everything first."""

from __future__ import annotations

import time
from typing import Any

import graphql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.manager.graphql.cost import QueryLimits, QueryTooCostly, check_cost
from picloud.manager.schema import export

SCHEMA = graphql.build_schema(export())
LIMITS = QueryLimits()


def cost(query: str, *, depth: int = 15, **variables: Any) -> int:
    """The least limit that lets it pass."""
    low, high = -1, 10**15
    while high - low > 1:
        middle = (low + high) // 2
        try:
            limits = QueryLimits(max_query_cost=middle, max_query_depth=depth)
            check(query, limits, **variables)
            high = middle
        except QueryTooCostly:
            low = middle
    return high


def check(query: str, limits: QueryLimits = LIMITS, **variables: Any) -> None:
    check_cost(SCHEMA, graphql.parse(query), variables, limits)


def refusal(query: str, limits: QueryLimits = LIMITS, **variables: Any) -> str:
    with pytest.raises(QueryTooCostly) as refused:
        check(query, limits, **variables)
    return refused.value.message


PAGE = "edges { node { name } }"


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("{ viewer { user { email } } }", {}, 3),
        (f"{{ apps(first: 10) {{ {PAGE} }} }}", {}, 31),
        (f"{{ apps(last: 10) {{ {PAGE} }} }}", {}, 31),
        (f"{{ apps {{ {PAGE} }} }}", {}, 61),
        (f"{{ apps(first: null) {{ {PAGE} }} }}", {}, 61),
        (f"{{ apps(first: 100000) {{ {PAGE} }} }}", {}, 301),
        (f"{{ apps(first: -5) {{ {PAGE} }} }}", {}, 1),
        ("{ apps(first: 10) { pageInfo { endCursor } } }", {}, 3),
        (f"query ($n: Int) {{ apps(first: $n) {{ {PAGE} }} }}", {"n": 10}, 31),
        (f"query ($n: Int = 10) {{ apps(first: $n) {{ {PAGE} }} }}", {}, 31),
        (f"query ($n: Int = 10) {{ apps(first: $n) {{ {PAGE} }} }}", {"n": 2}, 7),
        (f"query ($n: Int) {{ apps(first: $n) {{ {PAGE} }} }}", {"n": "x"}, 61),
        (
            f"{{ apps(first: 10) {{ edges {{ node {{ scripts(first: 5) {{ {PAGE} }} }} }} }} }}",
            {},
            181,
        ),
        (f"{{ apps(first: 10) {{ ...P }} }} fragment P on AppConnection {{ {PAGE} }}", {}, 31),
        (f"{{ apps(first: 10) {{ ... on AppConnection {{ {PAGE} }} }} }}", {}, 31),
        (f"{{ a: apps(first: 10) {{ {PAGE} }} b: apps(first: 1) {{ {PAGE} }} }}", {}, 35),
        ('{ node(id: "x") { ... on Invocation { fetches { host } } } }', {}, 21),
        ("{ nothing { at { all } } ...Gone }", {}, 3),
    ],
)
def test_the_cost_is_how_many_values_may_come(
    query: str, variables: dict[str, Any], expected: int
) -> None:
    assert cost(query, **variables) == expected


def test_a_fragment_costs_each_time_it_is_spread() -> None:
    query = (
        "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { viewer { user { id } } }"
    )
    assert cost(query) == 6


def test_the_refusal_names_the_limit_and_both_values() -> None:
    query = "{ apps(first: 100) { edges { node { scripts(first: 100) { edges { cursor } } } } } }"
    assert refusal(query) == (
        "The query may bring 20301 values; the limit is 20000 (max_query_cost)."
    )


@pytest.mark.parametrize(
    "deep",
    [
        lambda inner: f"activeVersion {{ script {{ {inner} }} }}",
        lambda inner: f"... on Script {{ activeVersion {{ script {{ {inner} }} }} }}",
    ],
)
def test_depth_is_counted_in_fields(deep: Any) -> None:
    inner = "name"
    for _ in range(6):
        inner = deep(inner)
    query = f'{{ script(app: "a", name: "b") {{ {inner} }} }}'
    check(query, QueryLimits(max_query_depth=14))
    assert "the limit is 13 (max_query_depth)" in refusal(query, QueryLimits(max_query_depth=13))


def test_depth_goes_through_fragments() -> None:
    parts = " ".join(
        f"fragment F{n} on Script {{ activeVersion {{ script {{ ...F{n + 1} }} }} }}"
        for n in range(6)
    )
    query = (
        f'{{ script(app: "a", name: "b") {{ ...F0 }} }} {parts} fragment F6 on Script {{ name }}'
    )
    check(query, QueryLimits(max_query_depth=14))
    assert "max_query_depth" in refusal(query, QueryLimits(max_query_depth=13))


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("{ " + " ".join(f"a{n}: viewer {{ __typename }}" for n in range(16)) + " }", "aliases"),
        ("{ " + "...A " * 16 + "} fragment A on Query { a: __typename }", "aliases"),
        ("{ viewer " + "@include(if: true) " * 5 + "{ __typename } }", "directives_of_field"),
        ("{ viewer { __typename " + "... @nothing { __typename } " * 51 + "} }", "directives"),
    ],
)
def test_aliases_and_directives_are_counted(query: str, name: str) -> None:
    assert f"({name})" in refusal(query)


@pytest.mark.parametrize(
    "query",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A viewer { ...A } }",
    ],
)
def test_a_circle_of_fragments_is_left_to_validation(query: str) -> None:
    check(query)


def test_the_work_grows_with_the_document_only() -> None:
    doubling = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(25))
    query = f"{{ ...F0 }} {doubling} fragment F25 on Query {{ viewer {{ user {{ id }} }} }}"
    assert "may bring 100663296 values" in refusal(query)
    long = "{ ...F0 } " + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(300))
    assert "max_query_depth" in refusal(long)


def test_the_tools_own_introspection_passes() -> None:
    check(graphql.get_introspection_query(input_value_deprecation=True, specified_by_url=True))
    walk = "name"
    for _ in range(4):
        walk = f"fields {{ type {{ {walk} }} args {{ type {{ {walk} }} }} }}"
    assert "max_query_cost" in refusal(f"{{ __schema {{ types {{ {walk} }} }} }}")


def page_of(inner: str, size: int) -> str:
    """Selections of each script of the app."""
    return f"app {{ scripts(first: {size}) {{ edges {{ node {{ {inner} }} }} }} }}"


def selections(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Selections on `Script`, with spreads of these fragments."""
    leaves = st.sampled_from(["name", "id", "url", *(f"...{name}" for name in names)])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda each: f"activeVersion {{ script {{ {each} }} }}"),
            inner.map(lambda each: f"... on Script {{ {each} }}"),
            st.tuples(inner, st.integers(0, 100)).map(
                lambda each: (
                    f"app {{ scripts(first: {each[1]}) {{ edges {{ node {{ {each[0]} }} }} }} }}"
                )
            ),
            st.lists(inner, min_size=2, max_size=3).map(" ".join),
        ),
        max_leaves=4,
    )


@settings(max_examples=150, deadline=None)
@given(
    a=selections(("B", "C")), b=selections(("C",)), c=selections(()), root=selections(("A", "B"))
)
def test_fragments_cost_what_they_expand_to(a: str, b: str, c: str, root: str) -> None:
    fragments = {"A": a, "B": b, "C": c}
    expanded = root
    for name, body in fragments.items():
        expanded = expanded.replace(f"...{name}", f"... on Script {{ {body} }}")
    definitions = " ".join(f"fragment {n} on Script {{ {body} }}" for n, body in fragments.items())
    start = '{ script(app: "a", name: "b") { %s } }'
    with_fragments = cost(f"{start % root} {definitions}", depth=1000)
    assert with_fragments == cost(start % expanded, depth=1000)


def test_measuring_the_longest_document_takes_no_time_to_speak_of() -> None:
    query = graphql.parse("{ viewer { user { " + "email " * 1990 + "} } }")
    began = time.process_time()
    check_cost(SCHEMA, query, {}, LIMITS)
    assert time.process_time() - began < 1
