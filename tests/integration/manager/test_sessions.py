"""Log-in, log-out, and who may ask what."""

from __future__ import annotations

import itertools
import json

import pytest

from picloud.domain.session import SESSION_PREFIX
from support.manager import EMAIL, LOG_IN, PASSWORD, Client, RunningManager

VIEWER = "{ viewer { user { id email role createdAt } } }"


async def test_the_owner_logs_in_and_is_the_viewer(anonymous: Client) -> None:
    payload = (await anonymous.ask(LOG_IN, email=f" {EMAIL.upper()} ", password=PASSWORD)).data
    token = payload["sessionCreate"]["token"]
    assert token.startswith(SESSION_PREFIX)
    assert len(token) == len(SESSION_PREFIX) + 43
    viewer = (await Client(anonymous.socket, token).ask(VIEWER)).data["viewer"]
    assert viewer["user"]["email"] == EMAIL
    assert viewer["user"]["role"] == "ADMIN"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong"),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("a\0b@example.org", PASSWORD),
        ("\ud800@example.org", PASSWORD),
        (EMAIL, "\ud800\0"),
        (EMAIL, "x" * 2000),
    ],
)
async def test_a_wrong_log_in_does_not_tell_which_half_was_wrong(
    anonymous: Client, email: str, password: str
) -> None:
    answer = await anonymous.ask(LOG_IN, email=email, password=password)
    assert answer.data["sessionCreate"] == {
        "__typename": "InvalidCredentialsError",
        "code": "invalid_credentials",
        "message": "The e-mail address or the password is wrong.",
    }
    assert "set-cookie" not in answer.response.headers


async def test_only_hashes_of_password_and_token_are_in_the_database(
    manager: RunningManager, owner: Client
) -> None:
    dump = str(await manager.services.pool.fetch("SELECT * FROM users, sessions"))
    assert "$argon2id$" in dump
    assert PASSWORD not in dump
    assert owner.token is not None
    assert owner.token not in dump


async def test_a_token_is_worth_nothing_after_log_out(owner: Client) -> None:
    ended = (await owner.ask("mutation { sessionDelete { endedAt } }")).data
    assert ended["sessionDelete"]["endedAt"]
    answer = await owner.ask(VIEWER)
    assert answer.codes == ["unauthenticated"]
    assert answer.response.status_code == 401


async def test_a_session_that_ran_out_is_worth_nothing(
    manager: RunningManager, owner: Client
) -> None:
    await manager.services.pool.execute(
        "UPDATE sessions SET created_at = now() - interval '2 days',"
        " expires_at = now() - interval '1 day'"
    )
    assert (await owner.ask(VIEWER)).codes == ["unauthenticated"]


TOKENS = (None, "x", "pcs_", "pcs_" + "x" * 43, "x" * 9000)


async def test_without_a_session_nothing_is_told(anonymous: Client) -> None:
    queries = (
        VIEWER,
        "{ apps { edges { node { name } } } }",
        '{ app(name: "demo") { id } }',
        '{ node(id: "x") { id } }',
        "{ clusterNodes { edges { node { name } } } }",
        "{ __schema { types { name } } }",
        "{ viewr }",
        '{ __type(name: "App") { name } }',
        'mutation { appCreate(input: {name: "demo"}) { __typename } }',
        "{",
    )
    for token, query in itertools.product(TOKENS, queries):
        answer = await Client(anonymous.socket, token).ask(query)
        assert answer.codes == ["unauthenticated"], query
        assert answer.response.status_code == 401
        assert "Did you mean" not in answer.response.text


async def test_the_cookie_is_for_this_site_and_not_for_scripts(anonymous: Client) -> None:
    answer = await anonymous.ask(LOG_IN, email=EMAIL, password=PASSWORD)
    cookie = answer.response.headers["set-cookie"]
    assert cookie.startswith("picloud_session=pcs_")
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="):
        assert part in cookie
    assert "Secure" not in cookie
    by_cookie = Client(anonymous.socket, headers={"cookie": cookie.partition(";")[0]})
    assert (await by_cookie.ask(VIEWER)).data["viewer"]["user"]["email"] == EMAIL
    secure = Client(anonymous.socket, headers={"x-forwarded-proto": "https"})
    answer = await secure.ask(LOG_IN, email=EMAIL, password=PASSWORD)
    assert "Secure" in answer.response.headers["set-cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://demo.localhost"},
        {"origin": "null"},
    ],
)
async def test_another_origin_can_not_use_the_cookie(
    owner: Client, headers: dict[str, str]
) -> None:
    browser = Client(owner.socket, headers={"cookie": f"picloud_session={owner.token}", **headers})
    answer = await browser.ask('mutation { appCreate(input: {name: "evil"}) { __typename } }')
    assert answer.response.status_code == 403
    assert answer.codes == ["cross_origin"]
    get = await browser.send("GET", "/graphql?query={viewer{user{email}}}", headers=browser.headers)
    assert get.status_code == 403
    assert (await owner.ask('{ app(name: "evil") { id } }')).data["app"] is None


async def test_our_own_page_can_use_the_cookie(owner: Client) -> None:
    cookie = {"cookie": f"picloud_session={owner.token}"}
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "http://localhost"}):
        answer = await Client(owner.socket, headers={**cookie, **headers}).ask(VIEWER)
        assert answer.data["viewer"]["user"]["email"] == EMAIL


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
async def test_only_json_is_read(owner: Client, media_type: str) -> None:
    body = json.dumps({"query": 'mutation { appCreate(input: {name: "evil"}) { __typename } }'})
    headers = {"cookie": f"picloud_session={owner.token}", "content-type": media_type}
    answer = await owner.send("POST", "/graphql", content=body, headers=headers)
    assert answer.status_code == 415
    assert (await owner.ask('{ app(name: "evil") { id } }')).data["app"] is None


async def test_get_may_query_but_not_change(owner: Client) -> None:
    headers = {"authorization": f"Bearer {owner.token}"}
    params = {"query": VIEWER}
    answer = await owner.send("GET", "/graphql", params=params, headers=headers)
    assert answer.json()["data"]["viewer"]["user"]["email"] == EMAIL
    params = {"query": 'mutation { appCreate(input: {name: "evil"}) { __typename } }'}
    answer = await owner.send("GET", "/graphql", params=params, headers=headers)
    assert answer.status_code == 400
    assert (await owner.ask('{ app(name: "evil") { id } }')).data["app"] is None
