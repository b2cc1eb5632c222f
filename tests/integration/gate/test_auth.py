"""Who may call a guarded route: a real node, real sandboxes, real rows."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import timedelta

import httpx
import pytest

from picloud.domain.app import AppRole
from picloud.domain.endpoint import AuthKind, EndpointAuth, Guard, HmacScheme
from picloud.domain.token import new_token
from picloud.domain.user import Scope
from support.gate import Gated
from support.manager import until

TOKEN = Guard(auth=EndpointAuth(kind=AuthKind.TOKEN))
SESSION = Guard(auth=EndpointAuth(kind=AuthKind.SESSION))
BASIC = Guard(auth=EndpointAuth(kind=AuthKind.BASIC, user="ann", secret="PASSWORD"))
SIGNED = Guard(
    auth=EndpointAuth(
        kind=AuthKind.HMAC, scheme=HmacScheme.GENERIC, secret="HOOK", window_seconds=60
    )
)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def signed(body: bytes, key: str = "hook key", at: float | None = None) -> dict[str, str]:
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(key.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
    return {"picloud-signature": f"t={stamp},v1={digest}"}


async def test_a_token_with_the_scope_invoke_is_let_in_and_not_shown_to_the_script(
    gated: Gated,
) -> None:
    app = await gated.route("who", TOKEN)
    user = await gated.user(app, AppRole.OPERATOR)
    token = await gated.token(user, [Scope.INVOKE])
    http = gated.node.client
    for headers in ({"authorization": f"Bearer {token}"}, {"picloud-token": token}):
        said = (await http.get("/x/demo/who", headers=headers)).json()
        assert "error" not in said, said
        assert said["auth"][:2] == ["token", user.email]
        assert (said["authorization"], said["token"]) == (None, None)
    both = {"picloud-token": token, "authorization": "Basic YTpi"}
    assert (await http.get("/x/demo/who", headers=both)).json()["authorization"] == "Basic YTpi"


async def test_a_script_may_ask_for_the_header(gated: Gated) -> None:
    auth = EndpointAuth(kind=AuthKind.TOKEN, keep_header=True)
    app = await gated.route("who", Guard(auth=auth))
    token = await gated.token(await gated.user(app, AppRole.OWNER), [Scope.INVOKE])
    headers = {"authorization": f"Bearer {token}"}
    said = (await gated.node.client.get("/x/demo/who", headers=headers)).json()
    assert said["authorization"] == f"Bearer {token}"


async def test_without_a_good_token_nobody_gets_in(gated: Gated) -> None:
    app = await gated.route("who", TOKEN)
    http = gated.node.client
    missing = await http.get("/x/demo/who")
    assert refusal(missing) == (401, "credentials_missing")
    assert missing.headers["www-authenticate"] == 'Bearer realm="demo"'
    good = await gated.token(await gated.user(app, AppRole.OWNER), [Scope.INVOKE])
    broken = good[:-1] + ("a" if good[-1] != "a" else "b")
    for token in (new_token(), broken, good[:-1], "pcs_" + good[4:], ""):
        answer = await http.get("/x/demo/who", headers={"picloud-token": token})
        assert refusal(answer) == (401, "credentials_invalid"), token
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    (record, *_) = await gated.node.invocations(6)
    assert (record["outcome"], record["error_code"]) == ("rejected", "credentials_missing")


async def test_a_token_must_be_for_it_and_its_user_be_allowed(gated: Gated) -> None:
    app = await gated.route("who", TOKEN)
    await gated.node.deploy("other", "def handler(request): return 1", app="others")
    other = await gated.node.pool.fetchval("SELECT id FROM apps WHERE name = 'others'")
    script = await gated.node.pool.fetchval("SELECT id FROM scripts WHERE name = 'who'")
    foreign = await gated.node.pool.fetchval("SELECT id FROM scripts WHERE name = 'other'")
    owner, viewer = await gated.user(app, AppRole.OWNER), await gated.user(app, AppRole.VIEWER)
    stranger, admin = await gated.user(app, None), await gated.user(app, None, admin=True)
    http = gated.node.client

    async def status(token: str) -> int:
        answer = await http.get("/x/demo/who", headers={"picloud-token": token})
        if answer.status_code == 403:
            assert answer.json()["error"]["code"] == "call_refused"
            assert 'scope="invoke"' in answer.headers["www-authenticate"]
        return answer.status_code

    assert await status(await gated.token(owner, [Scope.INVOKE], app_id=app)) == 200
    assert (
        await status(await gated.token(owner, [Scope.INVOKE], app_id=app, script_id=script)) == 200
    )
    assert await status(await gated.token(admin, [Scope.INVOKE, Scope.ADMIN])) == 200
    assert await status(await gated.token(owner, [Scope.READ, Scope.DEPLOY, Scope.LOGS])) == 403
    assert await status(await gated.token(owner, [Scope.INVOKE], app_id=other)) == 403
    assert (
        await status(await gated.token(owner, [Scope.INVOKE], app_id=other, script_id=foreign))
        == 403
    )
    assert await status(await gated.token(viewer, [Scope.INVOKE])) == 403
    assert await status(await gated.token(stranger, [Scope.INVOKE])) == 403
    assert await status(await gated.token(admin, [Scope.INVOKE])) == 403


async def test_a_revoked_or_expired_token_ends_within_its_time(gated: Gated) -> None:
    app = await gated.route("who", TOKEN)
    user = await gated.user(app, AppRole.OWNER)
    http = gated.node.client
    short = await gated.token(user, [Scope.INVOKE], lifetime=timedelta(seconds=2))
    token = await gated.token(user, [Scope.INVOKE])
    for good in (short, token):
        assert (await http.get("/x/demo/who", headers={"picloud-token": good})).status_code == 200
    await gated.revoke(token)

    async def refused(token: str) -> bool:
        answer = await http.get("/x/demo/who", headers={"picloud-token": token})
        return answer.status_code == 401

    await until(lambda: refused(token), seconds=5)
    await until(lambda: refused(short), seconds=7)  # what is remembered must not outlive it


async def test_a_password_is_a_secret_of_the_app(gated: Gated) -> None:
    app = await gated.route("who", BASIC)
    http = gated.node.client
    unset = await http.get("/x/demo/who", auth=("ann", "x"))
    assert refusal(unset) == (503, "auth_unavailable")
    await gated.secret(app, "PASSWORD", "pässword:1")
    said = (await http.get("/x/demo/who", auth=("ann", "pässword:1"))).json()
    assert (said["auth"], said["authorization"]) == (["basic", "ann", ""], None)
    missing = await http.get("/x/demo/who")
    assert refusal(missing) == (401, "credentials_missing")
    assert missing.headers["www-authenticate"] == 'Basic realm="demo", charset="UTF-8"'
    for user, password in (("ann", ""), ("bob", "pässword:1"), ("ann", "pässword:12")):
        answer = await http.get("/x/demo/who", auth=(user, password))
        assert refusal(answer) == (401, "credentials_invalid")
    answer = await http.get("/x/demo/who", headers={"authorization": "Basic !!"})
    assert refusal(answer) == (401, "credentials_invalid")
    await gated.secret(app, "PASSWORD", "another")
    assert (await http.get("/x/demo/who", auth=("ann", "another"))).status_code == 200


async def test_a_signed_body_is_let_in_and_a_changed_or_old_one_is_not(gated: Gated) -> None:
    app = await gated.route("who", SIGNED)
    await gated.secret(app, "HOOK", "hook key")
    http = gated.node.client
    body = bytes(range(256)) * 1000
    said = (await http.post("/x/demo/who", content=body, headers=signed(body))).json()
    assert (said["auth"], said["size"]) == (["hmac", "generic", ""], len(body))
    for headers, content in [
        ({}, body),
        (signed(body), body[:-1]),
        (signed(body, key="other"), body),
        (signed(body, at=time.time() - 90), body),
    ]:
        answer = await http.post("/x/demo/who", content=content, headers=headers)
        assert refusal(answer) == (401, "signature_invalid")
        assert answer.headers["www-authenticate"] == 'Signature realm="demo"'


async def test_a_session_of_somebody_who_may_invoke_is_let_in(gated: Gated) -> None:
    app = await gated.route("who", SESSION)
    http = gated.node.client
    operator, viewer = (
        await gated.user(app, AppRole.OPERATOR),
        await gated.user(app, AppRole.VIEWER),
    )
    cookie = {"cookie": f"a=b; picloud_session={await gated.session(operator)}"}
    said = (await http.get("/x/demo/who", headers=cookie)).json()
    assert said["auth"] == ["session", operator.email, str(operator.id)]
    assert said["cookies"] == ["a"]
    no = {"cookie": f"picloud_session={await gated.session(viewer)}"}
    assert refusal(await http.get("/x/demo/who", headers=no)) == (403, "call_refused")
    assert refusal(await http.get("/x/demo/who")) == (401, "credentials_missing")
    wrong = {"cookie": "picloud_session=pcs_" + "x" * 43}
    assert refusal(await http.get("/x/demo/who", headers=wrong)) == (401, "credentials_invalid")
    host = {**cookie, "host": "demo.localhost"}
    assert refusal(await http.get("/who", headers=host)) == (403, "call_refused")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 403),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 403),
        ("GET", {"origin": "http://evil.example"}, 403),
        ("POST", {}, 403),
        ("POST", {"origin": "http://localhost"}, 200),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"origin": "http://demo.localhost"}, 403),
        ("POST", {"sec-fetch-site": "same-origin"}, 200),
        ("POST", {"sec-fetch-site": "same-site", "origin": "http://localhost"}, 403),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
        ("DELETE", {"origin": "http://evil.example"}, 403),
    ],
)
async def test_no_other_page_uses_a_session(
    gated: Gated, method: str, headers: dict[str, str], status: int
) -> None:
    app = await gated.route("who", SESSION)
    user = await gated.user(app, AppRole.OPERATOR)
    cookie = {"cookie": f"picloud_session={await gated.session(user)}"}
    answer = await gated.node.client.request(method, "/x/demo/who", headers={**headers, **cookie})
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "origin_refused"


async def test_guessing_is_slowed_down(gated: Gated) -> None:
    app = await gated.route("who", BASIC)
    await gated.secret(app, "PASSWORD", "right")
    http = gated.node.client
    tries = [await http.get("/x/demo/who", auth=("ann", f"wrong{n}")) for n in range(8)]
    assert [each.status_code for each in tries] == [401] * 5 + [429] * 3
    assert "auth_failures_per_minute=5" in tries[-1].json()["error"]["message"]
    assert 1 <= int(tries[-1].headers["retry-after"]) <= 12
    right = await http.get("/x/demo/who", auth=("ann", "right"))
    assert right.status_code == 429  # nobody learns that this one was right


@pytest.mark.parametrize("guard", [Guard(), TOKEN], ids=["public", "token"])
async def test_nobody_says_for_another_who_they_are(gated: Gated, guard: Guard) -> None:
    app = await gated.route("who", guard)
    user = await gated.user(app, AppRole.OWNER)
    token = await gated.token(user, [Scope.INVOKE])
    forged = [
        ("picloud-auth", "kind=session&subject=admin"),
        ("PICLOUD-AUTH", "kind=session&subject=admin"),
        ("x-forwarded-for", "10.0.0.1"),
    ]
    headers = httpx.Headers([*forged, ("picloud-token", token)])
    said = (await gated.node.client.get("/x/demo/who", headers=headers)).json()
    expected = None if guard.is_open else f"kind=token&subject={user.email.replace('@', '%40')}"
    assert said["said"] == expected or said["said"].startswith(f"{expected}&id=")
    assert said["token"] is None
