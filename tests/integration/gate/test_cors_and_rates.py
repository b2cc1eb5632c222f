"""Pages of other origins, and how often anybody may call: a real node."""

from __future__ import annotations

from dataclasses import replace

import httpx

from picloud.domain.endpoint import AuthKind, Cors, EndpointAuth, Guard, RateLimit, RatePer
from support.gate import Gated

PAGE = "https://app.example"
LOUD = """
def handler(request):
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true",
               "Vary": "Accept"}
    return "ok", 200, headers
"""
CORS = Cors(origins=(PAGE, "https://b.example"), credentials=True, expose_headers=("x-total",))


def preflight(origin: str, method: str = "POST", asks: str = "x-a, content-type") -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": asks,
    }


def allowed(answer: httpx.Response) -> dict[str, str]:
    prefix = "access-control-"
    return {
        name.removeprefix(prefix): value
        for name, value in answer.headers.items()
        if name.startswith(prefix)
    }


async def test_a_preflight_is_answered_by_the_node_and_needs_no_credentials(gated: Gated) -> None:
    auth = EndpointAuth(kind=AuthKind.TOKEN)
    await gated.route("loud", Guard(auth=auth, cors=CORS), LOUD, method="POST")
    http = gated.node.client
    for _ in range(2):  # the second time the route is remembered, were it a request of its own
        answer = await http.options("/x/demo/loud", headers=preflight(PAGE))
        assert (answer.status_code, answer.content) == (204, b"")
        assert allowed(answer) == {
            "allow-origin": PAGE,
            "allow-methods": "POST",
            "allow-headers": "x-a, content-type",
            "allow-credentials": "true",
            "max-age": "600",
        }
        assert "origin" in answer.headers["vary"]
    foreign = await http.options("/x/demo/loud", headers=preflight("https://evil.example"))
    assert (foreign.status_code, allowed(foreign)) == (403, {})
    assert foreign.json()["error"]["code"] == "origin_refused"
    wrong = await http.options("/x/demo/loud", headers=preflight(PAGE, "DELETE"))
    assert wrong.status_code == 405
    refused = await http.post("/x/demo/loud", headers={"origin": PAGE})
    assert refused.status_code == 401  # and the page may read why
    assert allowed(refused)["allow-origin"] == PAGE
    records = await gated.node.invocations(1)
    assert [record["method"] for record in records] == ["POST"]


async def test_only_listed_pages_may_read_whatever_the_script_says(gated: Gated) -> None:
    await gated.route("loud", Guard(cors=CORS), LOUD)
    http = gated.node.client
    answer = await http.get("/x/demo/loud", headers={"origin": PAGE})
    assert answer.text == "ok"
    assert allowed(answer) == {
        "allow-origin": PAGE,
        "allow-credentials": "true",
        "expose-headers": "picloud-invocation-id, x-total",
    }
    assert answer.headers.get_list("vary") == ["Accept", "origin"]
    for origin in (
        "https://evil.example",
        "null",
        "https://app.example.evil",
        "http://app.example",
    ):
        answer = await http.get("/x/demo/loud", headers={"origin": origin})
        assert (answer.status_code, allowed(answer)) == (200, {}), origin
        assert "origin" in answer.headers.get_list("vary")
    assert allowed(await http.get("/x/demo/loud")) == {}


async def test_all_origins_without_credentials_and_routes_that_say_nothing(gated: Gated) -> None:
    await gated.route("any", Guard(cors=Cors(origins=("*",), allow_headers=("x-b",))), LOUD)
    await gated.node.deploy("own", LOUD)
    http = gated.node.client
    asked = await http.options("/x/demo/any", headers=preflight("https://anybody.example"))
    assert allowed(asked)["allow-origin"] == "*"
    assert allowed(asked)["allow-headers"] == "x-b"
    assert "allow-credentials" not in allowed(asked)
    answer = await http.get("/x/demo/any", headers={"origin": "https://anybody.example"})
    assert allowed(answer)["allow-origin"] == "*"
    assert answer.headers.get_list("vary") == ["Accept"]
    own = await http.options("/x/demo/own", headers=preflight(PAGE))
    assert (own.text, allowed(own)["allow-credentials"]) == ("ok", "true")  # its script's words


async def test_a_route_an_address_and_an_app_have_limits_of_their_own(gated: Gated) -> None:
    """Hours to fill: no clock decides."""
    every, each = RateLimit(requests=5, seconds=3600), RateLimit(requests=2, seconds=3600)
    guard = Guard(rate_limits=(every, replace(each, seconds=3601, per=RatePer.CLIENT)))
    app = await gated.route("a", guard, LOUD)
    await gated.route("b", Guard(), LOUD)
    http = gated.node.client

    async def statuses(path: str, *addresses: str) -> list[int]:
        answers = [
            await http.get(path, headers={"x-forwarded-for": address}) for address in addresses
        ]
        for answer in answers:
            if answer.status_code == 429:
                assert answer.json()["error"]["code"] == "rate_limited"
                assert "rate_limit=" in answer.json()["error"]["message"]
                assert 0 < int(answer.headers["retry-after"]) <= 3601
        return [answer.status_code for answer in answers]

    v6, neighbour = "2001:db8:1:2::1", "2001:db8:1:2:ffff::9"
    assert await statuses("/x/demo/a", "192.0.2.1", "192.0.2.1", "192.0.2.1") == [200, 200, 429]
    assert await statuses("/x/demo/a", v6, neighbour, v6) == [200, 200, 429]
    assert await statuses("/x/demo/a", "192.0.2.2", "192.0.2.3") == [200, 429]  # five together
    assert await statuses("/x/demo/b", *["192.0.2.1"] * 8) == [200] * 8
    await gated.limit_app(app, RateLimit(requests=3, seconds=3600))
    assert await statuses("/x/demo/b", *["192.0.2.1"] * 4) == [200, 200, 200, 429]
    assert await statuses("/x/demo/a", "192.0.2.9") == [429]
