"""Routes through the API: made, changed, removed, refused, recorded."""

from __future__ import annotations

from typing import Any

import pytest

from picloud.domain.quota import DEFAULTS, Quota
from picloud.store import routing
from support.manager import CREATE_APP, Client, RunningManager, fake_node

MOST, _ = DEFAULTS[Quota.ROUTES]
CREATE = """
mutation ($input: RouteCreateInput!) {
  routeCreate(input: $input) {
    __typename
    ... on RouteCreateSuccess { route {
      id method pattern url script { name }
      auth { kind user secret scheme windowSeconds keepHeader }
      cors { origins credentials } rateLimits { requests seconds per }
      shadowedBy { path route { pattern script { name } } }
    } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""
UPDATE = """
mutation ($input: RouteUpdateInput!) {
  routeUpdate(input: $input) {
    __typename
    ... on RouteUpdateSuccess { route {
      method pattern script { name } auth { kind } cors { origins } rateLimits { requests }
    } }
    ... on InvalidInputError { fields { field message } }
    ... on Error { code message }
  }
}
"""
DELETE = """
mutation ($input: RouteDeleteInput!) {
  routeDelete(input: $input) {
    __typename
    ... on RouteDeleteSuccess { method pattern }
    ... on Error { code message }
  }
}
"""
LIMIT = """
mutation ($input: AppRateLimitsSetInput!) {
  appRateLimitsSet(input: $input) {
    __typename
    ... on AppRateLimitsSetSuccess { app { rateLimits { requests seconds per } } }
    ... on InvalidInputError { fields { field message } }
  }
}
"""
ROUTES = """
query ($app: String!) { app(name: $app) {
  routes(first: 100) { edges { node { id method pattern script { name } } } }
} }
"""


@pytest.fixture
async def owner(manager: RunningManager) -> Client:
    """Somebody with the app demo and its scripts hello and other."""
    client = await manager.client.log_in()
    await client.ask(CREATE_APP, name="demo")
    async with fake_node(manager.url):
        for name in ("hello", "other"):
            await client.deploy("demo", name)
    return client


async def create(client: Client, pattern: str, script: str = "hello", **more: Any) -> Any:
    given = {"app": "demo", "script": script, "pattern": pattern, **more}
    return (await client.ask(CREATE, input=given)).data["routeCreate"]


async def listed(client: Client) -> dict[str, Any]:
    edges = (await client.ask(ROUTES, app="demo")).data["app"]["routes"]["edges"]
    return {f"{edge['node']['method']} {edge['node']['pattern']}": edge["node"] for edge in edges}


async def test_a_route_is_made_with_all_it_has_and_nodes_are_told(
    owner: Client, manager: RunningManager
) -> None:
    made = await create(
        owner,
        "/users/{id}",
        method="get",
        auth={"kind": "HMAC", "scheme": "SLACK", "secret": "KEY", "windowSeconds": 60},
        cors={"origins": ["https://example.com"], "credentials": True},
        rateLimits=[{"requests": 5, "seconds": 60, "per": "CLIENT"}],
    )
    route = made["route"]
    assert (route["method"], route["pattern"], route["script"]) == (
        "GET",
        "/users/{id}",
        {"name": "hello"},
    )
    assert route["url"].endswith("/x/demo/users/{id}")
    assert route["auth"] == {
        "kind": "HMAC",
        "user": None,
        "secret": "KEY",
        "scheme": "SLACK",
        "windowSeconds": 60,
        "keepHeader": False,
    }
    assert route["cors"] == {"origins": ["https://example.com"], "credentials": True}
    assert route["rateLimits"] == [{"requests": 5, "seconds": 60, "per": "CLIENT"}]
    rows = {row.pattern: row for row in await routing.load_routing(manager.services.pool)}
    assert rows["/hello"].guard.is_open
    guard = rows["/users/{id}"].guard
    assert (guard.auth.secret, guard.auth.window_seconds) == ("KEY", 60)
    assert [str(limit) for limit in guard.rate_limits] == ["5/60s/client"]


async def test_two_routes_never_match_the_same(owner: Client) -> None:
    assert (await create(owner, "/hello"))["code"] == "route_taken"
    assert (await create(owner, "/%68ello"))["code"] == "route_taken"
    await create(owner, "/users/{id}")
    assert (await create(owner, "/users/{name}"))["code"] == "route_taken"
    assert (await create(owner, "/users/{name}", method="GET"))["__typename"].endswith("Success")
    moved = {"id": (await listed(owner))["None /users/{id}"]["id"], "pattern": "/hello"}
    answer = (await owner.ask(UPDATE, input=moved)).data["routeUpdate"]
    assert (answer["__typename"], answer["code"]) == ("RouteTakenError", "route_taken")


async def test_a_route_that_others_are_asked_before_says_so(owner: Client) -> None:
    route = (await create(owner, "/{any}", script="other"))["route"]
    assert route["shadowedBy"] == [
        {"path": "/hello", "route": {"pattern": "/hello", "script": {"name": "hello"}}},
        {"path": "/other", "route": {"pattern": "/other", "script": {"name": "other"}}},
    ]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"pattern": "/.picloud/preview"}, "pattern"),
        ({"pattern": "/%2Epicloud"}, "pattern"),
        ({"pattern": "hello"}, "pattern"),
        ({"method": "CONNECT"}, "method"),
        ({"auth": {"kind": "BASIC"}}, "auth.user"),
        ({"auth": {"kind": "HMAC", "scheme": "GITHUB", "secret": "lower"}}, "auth.secret"),
        ({"cors": {"origins": ["*"], "credentials": True}}, "cors.origins"),
        ({"rateLimits": [{"requests": 0}]}, "rateLimits.requests"),
    ],
)
async def test_what_can_not_be_is_refused_by_its_field(
    owner: Client, more: dict[str, Any], field: str
) -> None:
    payload = await create(owner, **{"pattern": "/new", **more})
    assert payload["__typename"] == "InvalidInputError"
    assert field in [fault["field"] for fault in payload["fields"]]
    assert set(await listed(owner)) == {"None /hello", "None /other"}


async def test_a_change_changes_what_it_names_and_null_is_not_absent(owner: Client) -> None:
    made = await create(
        owner, "/a", method="GET", cors={"origins": ["*"]}, rateLimits=[{"requests": 1}]
    )

    async def update(**change: Any) -> Any:
        answer = await owner.ask(UPDATE, input={"id": made["route"]["id"], **change})
        return answer.data["routeUpdate"]["route"]

    before = {
        "method": "GET",
        "pattern": "/a",
        "script": {"name": "hello"},
        "auth": {"kind": "PUBLIC"},
        "cors": {"origins": ["*"]},
        "rateLimits": [{"requests": 1}],
    }
    assert await update(script="other") == before | {"script": {"name": "other"}}
    assert (await update(auth={"kind": "TOKEN"}))["auth"] == {"kind": "TOKEN"}
    after = await update(method=None, cors=None, rateLimits=[], pattern="/b/{c}")
    assert after == {
        "method": None,
        "pattern": "/b/{c}",
        "script": {"name": "other"},
        "auth": {"kind": "TOKEN"},
        "cors": None,
        "rateLimits": [],
    }


async def test_the_first_route_may_go_and_does_not_come_back(
    owner: Client, manager: RunningManager
) -> None:
    first = (await listed(owner))["None /hello"]["id"]
    gone = (await owner.ask(DELETE, input={"id": first})).data["routeDelete"]
    assert gone == {"__typename": "RouteDeleteSuccess", "method": None, "pattern": "/hello"}
    again = (await owner.ask(DELETE, input={"id": first})).data["routeDelete"]
    assert again["code"] == "not_found"
    async with fake_node(manager.url):
        await owner.deploy("demo", "hello")
    assert set(await listed(owner)) == {"None /other"}


async def test_a_script_whose_address_is_taken_is_deployed_without_one(
    owner: Client, manager: RunningManager
) -> None:
    await create(owner, "/late")
    async with fake_node(manager.url):
        deployed = await owner.deploy("demo", "late")
    assert (deployed["__typename"], deployed["script"]["url"]) == ("ScriptDeploySuccess", None)


async def test_an_app_has_so_many_routes_and_no_more(
    owner: Client, manager: RunningManager
) -> None:
    await manager.services.pool.execute(
        "INSERT INTO routes (id, app_id, script_id, pattern, created_at)"
        " SELECT gen_random_uuid(), app_id, id, '/r' || number, now()"
        " FROM scripts, generate_series(1, $1::int) AS number WHERE name = 'hello'",
        MOST - 2,
    )
    payload = await create(owner, "/one-more")
    assert payload["code"] == "quota_exceeded"
    assert payload["message"].endswith(f"more than the quota routes={MOST}.")


async def test_limits_of_an_app_are_replaced_as_a_whole(owner: Client) -> None:
    async def limit(*limits: dict[str, Any]) -> Any:
        answer = await owner.ask(LIMIT, input={"app": "demo", "rateLimits": limits})
        return answer.data["appRateLimitsSet"]

    both = [
        {"requests": 100, "seconds": 1, "per": "ALL"},
        {"requests": 9, "seconds": 60, "per": "CLIENT"},
    ]
    assert (await limit(*both))["app"]["rateLimits"] == both
    assert (await limit())["app"]["rateLimits"] == []
    five = [{"requests": 1, "seconds": number} for number in range(1, 6)]
    assert (await limit(*five))["fields"] == [
        {"field": "rateLimits", "message": "must be at most 4 limits"}
    ]


async def test_every_change_is_recorded_with_what_was_before_and_no_secret(
    owner: Client, manager: RunningManager
) -> None:
    auth = {"kind": "BASIC", "user": "ann", "secret": "PASSWORD"}
    route = (await create(owner, "/a", auth=auth))["route"]["id"]
    await owner.ask(UPDATE, input={"id": route, "auth": {"kind": "PUBLIC"}})
    await owner.ask(DELETE, input={"id": route})
    await owner.ask(LIMIT, input={"app": "demo", "rateLimits": [{"requests": 7}]})
    rows = await manager.services.pool.fetch(
        "SELECT action, target, before ->> 'auth' AS before, after ->> 'auth' AS after"
        " FROM audit_entries WHERE action LIKE 'route%' OR action LIKE 'rate%' ORDER BY id"
    )
    basic = '{"kind": "basic", "user": "ann", "secret": "PASSWORD"}'
    public = '{"kind": "public"}'
    assert [tuple(row) for row in rows] == [
        ("route.create", "ANY /a", None, basic),
        ("route.update", "ANY /a", basic, public),
        ("route.delete", "ANY /a", public, None),
        ("rate_limits.set", "demo", None, None),
    ]
