"""`pic routes`: what is sent, what is shown, and what is refused before anything is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.fake_platform import FakePlatform

from .conftest import Pic

APP = ("--app", "demo")
PUBLIC = {
    "kind": "PUBLIC",
    "user": None,
    "secret": None,
    "scheme": None,
    "windowSeconds": 300,
    "keepHeader": False,
}

CORS = {
    "origins": ["https://a.b"],
    "credentials": False,
    "allowHeaders": [],
    "exposeHeaders": [],
    "maxAgeSeconds": 600,
}


def route(pattern: str, method: str | None = None, **more: Any) -> dict[str, Any]:
    """A route as the schema shapes it."""
    return {
        "id": f"id of {method} {pattern}",
        "method": method,
        "pattern": pattern,
        "url": f"http://localhost:8080/x/demo{pattern}",
        "script": {"name": "hello"},
        "auth": PUBLIC,
        "cors": None,
        "rateLimits": [],
        "createdAt": "2026-11-21T20:00:00+00:00",
        "updatedAt": None,
        **more,
    }


def there_are(platform: FakePlatform, *routes: dict[str, Any]) -> None:
    edges = [{"node": each} for each in routes]
    page = {"edges": edges, "pageInfo": {"hasNextPage": False, "hasPreviousPage": False}}
    platform.answers["app"] = {"routes": page}


def answer(platform: FakePlatform, mutation: str, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Let a mutation give this; what it was sent comes into the list."""
    seen: list[dict[str, Any]] = []

    def resolve(info: object, input: dict[str, Any]) -> dict[str, Any]:
        seen.append(input)
        return payload

    platform.answers[mutation] = resolve
    return seen


def made(**more: Any) -> dict[str, Any]:
    return {
        "__typename": "RouteCreateSuccess",
        "route": {**route("/hook", "POST", **more), "shadowedBy": more.get("shadowedBy", [])},
    }


def test_routes_are_listed_with_who_may_call_them(pic: Pic, platform: FakePlatform) -> None:
    hook = {**PUBLIC, "kind": "HMAC", "scheme": "GITHUB", "secret": "KEY"}
    limits = [
        {"requests": 100, "seconds": 1, "per": "ALL"},
        {"requests": 5, "seconds": 60, "per": "CLIENT"},
    ]
    routes = (
        route("/hook", "POST", auth=hook, rateLimits=limits),
        route("/a", cors=CORS),
    )
    there_are(platform, *routes)
    shown = pic("routes", "list", *APP)
    assert shown.exit_code == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines[1] == ["any", "/a", "hello", "public", "https://a.b", "-"]
    assert lines[2] == ["POST", "/hook", "hello", "hmac:github", "-", "100/s,", "5/m/client"]
    listed = json.loads(pic("routes", "list", *APP, "--json").stdout)
    assert [each["pattern"] for each in listed] == ["/a", "/hook"]
    assert listed[1]["auth"] == hook
    there_are(platform)
    assert "pic routes add" in pic("routes", "list", *APP).stdout
    platform.answers["app"] = None
    assert pic("routes", "list", *APP).exit_code == 4


def test_a_route_is_added_with_all_that_is_said(pic: Pic, platform: FakePlatform) -> None:
    overlap = {
        "path": "/hook",
        "route": {"method": None, "pattern": "/{a}", "script": {"name": "b"}},
    }
    auth = {**PUBLIC, "kind": "HMAC", "scheme": "SLACK", "secret": "KEY"}
    seen = answer(platform, "routeCreate", made(auth=auth, shadowedBy=[overlap]))
    result = pic(
        *("routes", "add", "/hook", "hello", *APP, "--method", "POST", "--auth", "hmac:slack"),
        *("--secret", "KEY", "--window", "60", "--cors", "https://a.b", "--cors-credentials"),
        *("--rate", "100/s", "--rate", "20/10s", "--rate", "5/m/client"),
    )
    assert seen == [
        {
            "app": "demo",
            "script": "hello",
            "pattern": "/hook",
            "method": "POST",
            "auth": {
                "kind": "HMAC",
                "user": None,
                "secret": "KEY",
                "scheme": "SLACK",
                "windowSeconds": 60,
                "keepHeader": False,
            },
            "cors": {
                "origins": ["https://a.b"],
                "credentials": True,
                "allowHeaders": [],
                "exposeHeaders": [],
                "maxAgeSeconds": 600,
            },
            "rateLimits": [
                {"requests": 100, "seconds": 1, "per": "ALL"},
                {"requests": 20, "seconds": 10, "per": "ALL"},
                {"requests": 5, "seconds": 60, "per": "CLIENT"},
            ],
        }
    ]
    assert result.stdout.startswith("POST /hook leads to demo/hello.\n")
    assert "auth: hmac:slack" in result.stdout
    assert "any /{a} is asked first: /hook goes to b." in result.stderr
    assert "pic secrets set KEY --app demo" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--auth", "basic", "--user", "ann"),
        ("--auth", "basic", "--secret", "KEY"),
        ("--auth", "hmac:github"),
        ("--auth", "hmac"),
        ("--secret", "KEY"),
        ("--cors-credentials",),
        ("--rate", "100"),
        ("--rate", "100/d"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_usage(
    pic: Pic, platform: FakePlatform, options: tuple[str, ...]
) -> None:
    assert pic("routes", "add", "/a", "hello", *APP, *options).exit_code == 2
    assert platform.requests == []


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (("--script", "other"), {"script": "other"}),
        (("--new-pattern", "/b"), {"pattern": "/b"}),
        (("--new-method", "any"), {"method": None}),
        (("--new-method", "PUT"), {"method": "PUT"}),
        (("--no-cors",), {"cors": None}),
        (("--no-rate",), {"rateLimits": []}),
    ],
)
def test_a_change_names_only_what_it_changes(
    pic: Pic, platform: FakePlatform, options: tuple[str, ...], change: dict[str, Any]
) -> None:
    there_are(platform, route("/a"), route("/b"))
    updated = {"__typename": "RouteUpdateSuccess", "route": {**route("/a"), "shadowedBy": []}}
    answer(platform, "routeUpdate", updated)
    assert pic("routes", "set", "/a", *APP, *options).exit_code == 0
    sent = json.loads(platform.requests[-1][1])["variables"]["input"]
    assert sent == {"id": "id of None /a", **change}


def test_of_several_routes_with_a_pattern_the_method_says_which(
    pic: Pic, platform: FakePlatform
) -> None:
    there_are(platform, route("/a", "GET"), route("/a", "POST"), route("/b"))
    gone = {"__typename": "RouteDeleteSuccess", "id": "x", "method": "POST", "pattern": "/a"}
    seen = answer(platform, "routeDelete", gone)
    assert pic("routes", "remove", "/a", *APP).exit_code == 2
    assert pic("routes", "remove", "/c", *APP).exit_code == 4
    assert pic("routes", "set", "/a", *APP, "--method", "GET").exit_code == 2
    result = pic("routes", "remove", "/a", *APP, "--method", "post")
    assert result.stdout == "Removed POST /a of demo.\n"
    assert seen == [{"id": "id of POST /a"}]


def test_all_routes_of_an_app_are_limited_together(pic: Pic, platform: FakePlatform) -> None:
    limit = {"requests": 1000, "seconds": 60, "per": "ALL"}
    payload = {"__typename": "AppRateLimitsSetSuccess", "app": {"rateLimits": [limit]}}
    seen = answer(platform, "appRateLimitsSet", payload)
    result = pic("routes", "limit", *APP, "--rate", "1000/m")
    assert result.stdout == "All routes of demo together: 1000/m, at each node.\n"
    assert seen == [{"app": "demo", "rateLimits": [limit]}]
    payload["app"] = {"rateLimits": []}
    assert json.loads(pic("routes", "limit", *APP, "--json").stdout)["rateLimits"] == []


def test_a_taken_route_is_told_with_what_to_do(pic: Pic, platform: FakePlatform) -> None:
    failure = {"code": "route_taken", "message": "ANY /a is taken."}
    answer(platform, "routeCreate", {"__typename": "RouteTakenError", **failure})
    result = pic("routes", "add", "/a", "hello", *APP)
    assert result.exit_code == 1
    assert "pic routes list --app demo" in result.stderr
