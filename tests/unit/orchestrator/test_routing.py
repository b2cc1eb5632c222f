"""The routing table finds what a person reading the patterns would expect."""

from __future__ import annotations

from uuid import uuid4

import pytest

from picloud.domain.limits import Isolation, Limits
from picloud.orchestrator.routing import RoutingTable
from picloud.store.routing import RouteRow


def row(pattern: str, method: str | None = None, app: str = "demo") -> RouteRow:
    return RouteRow(
        app_id=uuid4(),
        app_name=app,
        script_id=uuid4(),
        script_name=pattern,
        method=method,
        pattern=pattern,
        version_id=uuid4(),
        version_number=1,
        filename="x.py",
        entry_points=("handler",),
        kind="sync",
        limits=Limits(),
        isolation=Isolation.SANDBOX,
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
