"""Guarding a script as its author would: with `pic` alone, and called through the front door."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator

import pytest

from support.platform import EMAIL, PASSWORD, Platform, wait_until

WHO = """
def handler(request):
    return {"auth": request.auth, "cookies": list(request.cookies), "body": request.text()}
"""
LOG_IN = """
mutation ($email: String!, $password: String!) {
  sessionCreate(input: {email: $email, password: $password}) { __typename }
}
"""
MINT = """
mutation ($input: TokenCreateInput!) {
  tokenCreate(input: $input) { ... on TokenCreateSuccess { secret } }
}
"""
APP = ("--app", "demo")


@pytest.fixture(scope="module")
def who(platform: Platform) -> Iterator[Platform]:
    """The script `who`, public until a test says otherwise."""
    platform.deploy("who", WHO)
    platform.pic("secrets", "set", "SHARED", *APP, stdin="a shared secret")
    yield platform
    platform.pic("routes", "set", "/who", *APP, "--auth", "public")


def guard(platform: Platform, auth: str, *options: str) -> None:
    """Guard the route of `who`, and wait until the node knows."""
    platform.pic("routes", "set", "/who", *APP, "--auth", auth, *options)
    scheme = {"hmac:generic": "Signature", "basic": "Basic", "session": "Session"}.get(
        auth, "Bearer"
    )

    def holds() -> bool:
        with platform.client() as client:
            challenge: str = client.get("/x/demo/who").headers.get("www-authenticate", "")
        return challenge.startswith(scheme)

    wait_until(holds, what=f"the guard {auth}")


def test_a_webhook_is_signed(who: Platform) -> None:
    guard(who, "hmac:generic", "--secret", "SHARED")
    stamp, body = int(time.time()), "ping"
    text = f"{stamp}.{body}".encode()
    signature = hmac.new(b"a shared secret", text, hashlib.sha256).hexdigest()
    headers = {"picloud-signature": f"t={stamp},v1={signature}"}
    with who.client() as client:
        assert client.post("/x/demo/who", content=body).status_code == 401
        said = client.post("/x/demo/who", content=body, headers=headers).json()
    assert said == {"auth": ["hmac", "generic", ""], "cookies": [], "body": "ping"}
    listed = who.pic("invocations", "demo/who").stdout
    assert "REJECTED" in listed or "rejected" in listed


def test_a_password_opens_a_page(who: Platform) -> None:
    guard(who, "basic", "--user", "ann", "--secret", "SHARED")
    with who.client() as client:
        assert client.get("/x/demo/who").headers["www-authenticate"].startswith("Basic ")
        said = client.get("/x/demo/who", auth=("ann", "a shared secret")).json()
        assert said["auth"] == ["basic", "ann", ""]
        host = {"host": f"demo.localhost:{who.port}"}
        assert client.get("/who", headers=host).status_code == 401  # the same in host form


def test_a_browser_that_is_logged_in_gets_in_and_a_token_where_tokens_count(who: Platform) -> None:
    guard(who, "session")
    own = {"origin": who.url}
    with who.client() as client:
        assert client.get("/x/demo/who").status_code == 401
        variables = {"email": EMAIL, "password": PASSWORD}
        answer = client.post(
            "/graphql", json={"query": LOG_IN, "variables": variables}, headers=own
        )
        assert answer.json()["data"]["sessionCreate"]["__typename"] == "SessionCreateSuccess"
        said = client.get("/x/demo/who").json()
        assert (said["auth"][:2], said["cookies"]) == (["session", EMAIL], [])
        assert client.post("/x/demo/who", headers=own).status_code == 200
        foreign = client.post("/x/demo/who", headers={"origin": "https://evil.example"})
        assert foreign.json()["error"]["code"] == "origin_refused"
        input = {"name": "ci", "scopes": ["INVOKE"], "app": "demo"}
        minted = client.post(
            "/graphql", json={"query": MINT, "variables": {"input": input}}, headers=own
        )
        token = minted.json()["data"]["tokenCreate"]["secret"]
        guard(who, "token")
        assert client.get("/x/demo/who").status_code == 401  # the cookie is of no use here
    with who.client() as client:
        said = client.get("/x/demo/who", headers={"authorization": f"Bearer {token}"}).json()
        assert said["auth"][:2] == ["token", EMAIL]


def test_a_script_without_a_route_has_no_address(who: Platform) -> None:
    who.deploy("hidden", WHO)
    with who.client() as client:
        assert client.get("/x/demo/hidden").status_code == 200
        who.pic("routes", "remove", "/hidden", *APP)
        wait_until(lambda: client.get("/x/demo/hidden").status_code == 404)
        refused = who.pic("routes", "add", "/.picloud/x", "hidden", *APP, check=False)
        assert refused.returncode == 1
        assert "platform's own" in refused.stderr
