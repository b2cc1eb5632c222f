"""Route patterns: what is one, what it matches, and which of several wins."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.domain.failures import InvalidInput
from picloud.domain.route import Route, asked_before, parse_method, parse_pattern, split_path

# Few names, so that patterns and paths meet often.
NAMES = st.sampled_from(["a", "b", "a b", "é", "100%"])
PARTS = st.lists(st.sampled_from(["a", "b", "a%20b", "%C3%A9", "100%25", "{1}", "{2}"]), max_size=4)
PATTERNS = st.builds(
    lambda parts, rest: "/" + "/".join([*_numbered(parts), *(["{rest...}"] if rest else [])]),
    PARTS,
    st.booleans(),
)
PATHS = st.lists(NAMES, max_size=5)


def _numbered(parts: list[str]) -> list[str]:
    """Parameters with a name of their own each."""
    return [f"{{p{at}}}" if part.startswith("{") else part for at, part in enumerate(parts)]


def route(pattern: str, method: str | None = None, number: int = 1) -> Route:
    return Route(
        id=UUID(int=number),
        app_id=UUID(int=0),
        script_id=UUID(int=0),
        method=method,
        pattern=pattern,
        created_by=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/hello", "/hello", {}),
        ("/hello", "/hello/", None),
        ("/hello", "/hell", None),
        ("/hello", "/hello/you", None),
        ("/users/{id}", "/users/7", {"id": "7"}),
        ("/users/{id}", "/users/", None),
        ("/users/{id}/posts/{post}", "/users/7/posts/9", {"id": "7", "post": "9"}),
        ("/files/{path...}", "/files/a/b/c", {"path": "a/b/c"}),
        ("/files/{path...}", "/files", {"path": ""}),
        ("/files/{path...}", "/files/", {"path": ""}),
        ("/files/{path...}", "/filesystem", None),
        ("/{all...}", "/", {"all": ""}),
        ("/a%20b", "/a b", {}),
        ("/a%20b", "/a%20b", None),
    ],
)
def test_a_pattern_matches_exactly_its_paths(
    pattern: str, path: str, params: dict[str, str] | None
) -> None:
    assert parse_pattern(pattern).match(split_path(path)) == params


def test_exact_wins_over_param_and_param_over_rest_from_the_left() -> None:
    patterns = ["/{rest...}", "/a/{rest...}", "/{x}/b", "/a/{x}", "/a/b", "/a", "/"]
    ordered = sorted(patterns, key=lambda text: parse_pattern(text).precedence)
    winners = {
        path: next(p for p in ordered if parse_pattern(p).match(split_path(path)) is not None)
        for path in ["/", "/a", "/a/b", "/a/c", "/c/b", "/a/b/c", "/c/d"]
    }
    assert winners == {
        "/": "/",
        "/a": "/a",
        "/a/b": "/a/b",
        "/a/c": "/a/{x}",
        "/c/b": "/{x}/b",
        "/a/b/c": "/a/{rest...}",
        "/c/d": "/{rest...}",
    }


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("", "must start with a slash"),
        ("hello", "must start with a slash"),
        ("//", "neither plain text nor a parameter: ''"),
        ("/a/", "neither plain text nor a parameter: ''"),
        ("/a b", "neither plain text nor a parameter: 'a b'"),
        ("/a?b", "neither plain text nor a parameter: 'a\\?b'"),
        ("/..", "neither plain text nor a parameter: '..'"),
        ("/x{id}", "neither plain text nor a parameter: 'x{id}'"),
        ("/{1d}", "neither plain text nor a parameter: '{1d}'"),
        ("/{id}/{id}", "uses the name of a parameter twice"),
        ("/{rest...}/a", "only at its end"),
        ("/\0", "neither plain text nor a parameter"),
        ("/a%2Fb", "neither plain text nor a parameter"),
        ("/%2e%2E", "neither plain text nor a parameter"),
        ("/%00", "neither plain text nor a parameter"),
        ("/%ff", "neither plain text nor a parameter"),
        ("/" + "a" * 600, "is longer than 512 characters"),
        ("/a" * 40, "has more than 32 segments"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_reason(pattern: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        parse_pattern(pattern)


def test_a_pattern_is_kept_in_one_spelling() -> None:
    for spelling in ("/%61/%c3%a9", "/a/%C3%A9"):
        assert parse_pattern(spelling).text == "/a/%C3%A9"
    assert parse_pattern("/%2Epicloud/x").is_reserved
    assert not parse_pattern("/.picloudy").is_reserved
    assert not parse_pattern("/a/.picloud").is_reserved


@pytest.mark.parametrize(
    ("text", "method"), [("get", "GET"), ("ANY", None), ("", None), ("*", None), (" PUT ", "PUT")]
)
def test_a_method_is_one_of_http_or_any(text: str, method: str | None) -> None:
    assert parse_method(text) == method


def test_another_method_is_refused() -> None:
    with pytest.raises(InvalidInput, match="method: must be one of GET, "):
        parse_method("CONNECT")


@given(PATTERNS)
def test_reading_what_was_written_gives_the_same_pattern(text: str) -> None:
    pattern = parse_pattern(text)
    assert parse_pattern(pattern.text) == pattern
    assert parse_pattern(pattern.text).shape == pattern.shape


@given(PATTERNS, PATTERNS, PATHS)
def test_two_patterns_have_a_common_path_exactly_when_a_path_matches_both(
    one: str, other: str, parts: list[str]
) -> None:
    first, second = parse_pattern(one), parse_pattern(other)
    common = first.common_path(second)
    assert (common is None) == (second.common_path(first) is None)
    if common is not None:
        found = [unquote(part) for part in split_path(common)]
        assert first.match(found) is not None
        assert second.match(found) is not None
    if first.match(parts) is not None and second.match(parts) is not None:
        assert common is not None


@given(PATTERNS, PATTERNS)
def test_patterns_of_one_shape_match_the_same_and_none_is_asked_before_the_other(
    one: str, other: str
) -> None:
    first, second = parse_pattern(one), parse_pattern(other)
    if first.shape == second.shape:
        assert first.precedence == second.precedence
        assert first.common_path(second) is not None


def test_a_route_knows_who_is_asked_before_it() -> None:
    routes = [
        route("/{rest...}", number=1),
        route("/files/{name}", "GET", 2),
        route("/files/readme", "POST", 3),
        route("/files/readme", "GET", 4),
        route("/{any}/readme", number=5),
        route("/files/{name}", number=6),
    ]

    def before(number: int) -> list[tuple[int, str]]:
        found = asked_before(routes[number - 1], routes)
        return [(each.route.id.int, each.path) for each in found]

    assert before(4) == []
    assert before(2) == [(4, "/files/readme")]
    assert before(6) == [(3, "/files/readme"), (4, "/files/readme"), (2, "/files/name")]
    assert before(5) == [
        (3, "/files/readme"),
        (4, "/files/readme"),
        (2, "/files/readme"),
        (6, "/files/readme"),
    ]
    assert [number for number, _ in before(1)] == [3, 4, 2, 6, 5]


def test_a_head_is_served_by_get_so_their_routes_meet() -> None:
    routes = [route("/{a}", "HEAD", 1), route("/x", "GET", 2), route("/x", "POST", 3)]
    assert [each.route.id.int for each in asked_before(routes[0], routes)] == [2]
