"""The routing table finds what a person reading the patterns would expect."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.domain.limits import Isolation, Limits
from picloud.domain.route import parse_pattern
from picloud.orchestrator.routing import RoutingTable
from picloud.store.routing import RouteRow


def row(pattern: str, method: str | None = None, app: str = "demo") -> RouteRow:
    return RouteRow(
        app_id=uuid4(),
        app_name=app,
        script_id=uuid4(),
        script_name=pattern,
        route_id=uuid4(),
        method=method,
        pattern=pattern,
        version_id=uuid4(),
        version_number=1,
        filename="x.py",
        entry_points=("handler",),
        kind="sync",
        limits=Limits(),
        isolation=Isolation.SANDBOX,
        weight=100,
        app_revision=0,
    )


def find(rows: list[RouteRow], method: str, path: str) -> tuple[str | None, str, frozenset[str]]:
    target, params, allowed = RoutingTable(rows).apps["demo"].find(method, path)
    return (target.pattern if target else None, params, allowed)


ROWS = [
    row("/files/{rest...}"),
    row("/files/{name}"),
    row("/files/readme"),
    row("/users/{id}/posts/{post}"),
    row("/only-post", "POST"),
    row("/both", "GET"),
    row("/both", "POST"),
    row("/both"),
]


@pytest.mark.parametrize(
    ("path", "pattern", "params"),
    [
        ("/files/readme", "/files/readme", ""),
        ("/files/other", "/files/{name}", "name=other"),
        ("/files/a/b", "/files/{rest...}", "rest=a%2Fb"),
        ("/users/7/posts/x%20y", "/users/{id}/posts/{post}", "id=7&post=x+y"),
        ("/files/re%61dme", "/files/readme", ""),
        ("/nowhere", None, ""),
    ],
)
def test_exact_wins_over_param_and_param_over_rest(
    path: str, pattern: str | None, params: str
) -> None:
    assert find(ROWS, "GET", path) == (pattern, params, frozenset())


def test_a_wrong_method_says_which_would_do() -> None:
    assert find(ROWS, "GET", "/only-post") == (None, "", frozenset({"POST"}))


def test_an_encoded_slash_stays_inside_its_parameter() -> None:
    assert find(ROWS, "GET", "/users/a%2Fb/posts/1")[:2] == (
        "/users/{id}/posts/{post}",
        "id=a%2Fb&post=1",
    )


def test_a_route_for_the_method_wins_over_one_for_any_and_head_means_get() -> None:
    rows = [row("/both", "GET"), row("/both")]
    assert RoutingTable(rows).apps["demo"].find("HEAD", "/both")[0] == rows[0]
    assert RoutingTable(rows).apps["demo"].find("PUT", "/both")[0] == rows[1]


def test_a_head_of_a_pattern_prefers_its_own_route_then_get_then_any() -> None:
    rows = [row("/{a}", "GET"), row("/{b}", "HEAD"), row("/{c}")]
    assert find(rows, "HEAD", "/x")[:2] == ("/{b}", "b=x")
    assert find(rows[::2], "HEAD", "/x")[:2] == ("/{a}", "a=x")
    assert find(rows, "GET", "/x")[:2] == ("/{a}", "a=x")
    assert find(rows, "PUT", "/x")[:2] == ("/{c}", "c=x")


def test_an_exact_pattern_with_an_encoded_character_is_found() -> None:
    assert find([row("/a%20b")], "GET", "/a%20b")[0] == "/a%20b"
    assert find([row("/%C3%A9")], "GET", "/%c3%a9")[0] == "/%C3%A9"


def test_an_encoded_slash_is_no_separator() -> None:
    rows = [row("/admin/x"), row("/{name}")]
    assert find(rows, "GET", "/admin%2Fx")[:2] == ("/{name}", "name=admin%2Fx")


@pytest.mark.parametrize("path", ["/.picloud", "/.picloud/", "/.picloud/a", "/%2Epicloud/a"])
def test_the_platforms_own_paths_are_no_routes(path: str) -> None:
    rows = [row("/{rest...}"), row("/{a}/{b}"), row("/{a}")]
    assert find(rows, "GET", path) == (None, "", frozenset())
    assert find(rows, "GET", "/x/y" + path)[0] == "/{rest...}"


_PATTERNS = st.builds(
    lambda parts, rest: "/" + "/".join([*parts, *(["{rest...}"] if rest else [])]),
    st.lists(st.sampled_from(["a", "b", "{p}"]), max_size=3).map(
        lambda parts: [f"{{p{at}}}" if part == "{p}" else part for at, part in enumerate(parts)]
    ),
    st.booleans(),
)
_METHODS = st.sampled_from([None, "GET", "POST", "HEAD"])


@given(
    st.lists(st.tuples(_PATTERNS, _METHODS), max_size=12, unique=True),
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    st.lists(st.sampled_from(["a", "b", "c/d"]), max_size=4),
)
def test_the_table_finds_what_asking_every_route_in_order_finds(
    routes: list[tuple[str, str | None]], method: str, parts: list[str]
) -> None:
    """The index is the same as the rule: by precedence, then by who names the method best."""
    wanted = [method, *(["GET"] if method == "HEAD" else []), None]
    asked = sorted(
        (
            (parse_pattern(pattern).precedence, wanted.index(named), pattern, named)
            for pattern, named in routes
            if named in wanted and parse_pattern(pattern).match(parts) is not None
        ),
        key=lambda each: each[:2],
    )
    rows = [row(pattern, named) for pattern, named in routes] or [row("/never/matched/by/these")]
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    target, params, _ = RoutingTable(rows).apps["demo"].find(method, path)
    if not asked:
        assert target is None
        return
    _, _, pattern, named = asked[0]
    assert target is not None
    assert (target.pattern, target.method) == (pattern, named)
    assert dict(parse_qsl(params, keep_blank_values=True)) == parse_pattern(pattern).match(parts)
