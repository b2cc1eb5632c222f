"""Route patterns: what is one, what it matches, and which of several wins."""

from __future__ import annotations

import pytest

from picloud.domain.failures import InvalidInput
from picloud.domain.route import parse_pattern, split_path


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
        ("/a%20b", "/a%20b", {}),
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
        ("/" + "a" * 600, "is longer than 512 characters"),
        ("/a" * 40, "has more than 32 segments"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_reason(pattern: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        parse_pattern(pattern)
