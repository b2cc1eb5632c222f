"""The walls around GraphQL: limits, nonsense, masks, and the websocket's door."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from picloud.config import Settings
from picloud.manager.graphql import masks
from support.manager import CREATE_APP, LOG_IN, PASSWORD, Client, RunningManager

VIEWER = "{ viewer { user { email } } }"


def nested(depth: int) -> str:
    """A query as deep as asked."""
    inner = "name"
    for number in range(depth):
        inner = f"scripts {{ edges {{ node {{ app {{ {inner} }} }} }} }}" if number else inner
    return f'{{ app(name: "demo") {{ {inner} }} }}'


TOO_MUCH = [
    nested(6),
    "{ viewer { " + " ".join(f"a{n}: __typename" for n in range(40)) + " } }",
    "{ viewer { " + "__typename " * 5000 + "} }",
    "{ viewer " + "@include(if: true) " * 3000 + "{ __typename } }",
]


@pytest.mark.parametrize(
    "query",
    [
        *TOO_MUCH,
        "query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        "{ viewer { user { nothing } } }",
        "{ viewer(x: 1) { user { email } } }",
        "{",
        "",
        "\0",
        "{ apps(first: 99999999999) { edges { cursor } } }",
        '{ apps(first: "x") { edges { cursor } } }',
    ],
)
async def test_a_query_that_is_wrong_or_too_much_is_refused_quickly(
    owner: Client, query: str
) -> None:
    start = time.perf_counter()
    answer = await owner.ask(query)
    assert time.perf_counter() - start < 1
    assert set(answer.codes) == {"query_too_costly" if query in TOO_MUCH else "bad_request"}
    assert answer.response.status_code == 400
    assert "Did you mean" not in answer.response.text
    assert "Traceback" not in answer.response.text


@pytest.mark.parametrize(
    "arguments",
    ["first: 101", "first: -1", "first: 1, last: 1", 'after: "x"', 'before: "bnVsbA"', "last: 101"],
)
async def test_arguments_of_a_list_are_checked(owner: Client, arguments: str) -> None:
    answer = await owner.ask(f"{{ apps({arguments}) {{ edges {{ cursor }} }} }}")
    assert answer.codes == ["invalid_input"]
    assert answer.response.status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"5", b"[]", b"null", b"{", b'{"query": 5}', b"[" * 100_000, b'{"query": null}', b"\xff"],
)
async def test_a_body_that_is_no_query_is_refused(owner: Client, body: bytes) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {owner.token}"}
    answer = await owner.send("POST", "/graphql", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "bad_request"


@pytest.mark.parametrize("variables", [5, [], "x"])
async def test_variables_that_are_no_object_are_refused(owner: Client, variables: Any) -> None:
    headers = {"authorization": f"Bearer {owner.token}"}
    body = {"query": VIEWER, "variables": variables}
    answer = await owner.send("POST", "/graphql", json=body, headers=headers)
    assert answer.status_code == 400


async def test_too_large_bodies_and_queries_are_refused_with_the_limit(owner: Client) -> None:
    answer = await owner.ask("#" * 100_001)
    assert answer.response.status_code == 413
    assert "100000 characters" in answer.response.text
    limit = Settings(data_dir=Path("/")).max_upload + 131_072
    answer = await owner.ask(VIEWER, padding="x" * limit)
    assert answer.response.status_code == 413
    assert f"limit of {limit} bytes" in answer.response.text


async def test_other_methods_and_paths_are_refused(owner: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await owner.send(method, "/graphql")).status_code == 405
    assert (await owner.send("GET", "/nothing")).status_code == 404
    assert (await owner.send("GET", "/graphql/assets/../../etc/passwd")).status_code == 404
    assert (await owner.send("GET", "/graphql/assets/%2e%2e/%2e%2e/passwd")).status_code == 404
    assert (await owner.send("GET", "/graphql")).status_code == 400


async def test_a_log_in_can_not_be_tried_often_in_one_request(anonymous: Client) -> None:
    one = 'sessionCreate(input: {email: "owner@example.org", password: "x"}) { __typename }'
    query = "mutation { " + " ".join(f"a{n}: {one}" for n in range(100)) + " }"
    assert (await anonymous.ask(query)).codes == ["unauthenticated"]


async def test_what_is_inside_stays_inside(
    manager: RunningManager, owner: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await manager.services.pool.execute("ALTER TABLE apps RENAME TO hidden_table")
    with caplog.at_level(logging.ERROR):
        answer = await owner.ask("{ apps { edges { cursor } } }")
    assert answer.codes == ["internal"]
    assert answer.response.status_code == 500
    incident = answer.response.json()["errors"][0]["extensions"]["incident"]
    for word in ("relation", "hidden_table", "postgres", "asyncpg", "apps\\"):
        assert word not in answer.response.text
    assert incident in answer.response.json()["errors"][0]["message"]
    [record] = [record for record in caplog.records if record.name == masks.__name__]
    assert record.__dict__["incident"] == incident
    assert record.exc_info is not None


async def test_a_mutation_that_fails_inside_is_masked_too(
    manager: RunningManager, owner: Client
) -> None:
    await manager.services.pool.execute("DROP TABLE members CASCADE")
    answer = await owner.ask(CREATE_APP, name="demo")
    assert answer.codes == ["internal"]
    assert "members" not in answer.response.text


async def test_the_playground_is_a_page_that_asks_nobody_else(manager: RunningManager) -> None:
    page = await manager.client.send("GET", "/graphql", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert "has not been built" in page.text
    home = await manager.client.send("GET", "/")
    assert (home.status_code, home.headers["location"]) == (307, "/graphql")


async def test_health_and_readiness_are_told(anonymous: Client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await anonymous.send("GET", path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_websocket_without_a_session_is_closed(anonymous: Client) -> None:
    for init in ({}, {"authorization": "Bearer nonsense"}, {"authorization": 5}):
        with pytest.raises(ConnectionClosed) as closed:
            async with anonymous.websocket(init=init):
                raise AssertionError("let in")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403


async def test_a_websocket_of_another_origin_is_refused_before_it_opens(owner: Client) -> None:
    cookie = {"cookie": f"picloud_session={owner.token}"}
    for origin in ("https://evil.example", "http://demo.localhost", "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with owner.websocket(init={}, origin=origin, additional_headers=cookie):
                raise AssertionError("let in")
        assert refused.value.response.status_code == 403
    async with owner.websocket(init={}, origin="http://localhost", additional_headers=cookie) as ok:
        assert ok.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("protocols", [["graphql-ws"], None, ["nonsense"]])
async def test_only_one_subprotocol_is_spoken(owner: Client, protocols: Any) -> None:
    async with websockets.unix_connect(
        str(owner.socket), uri="ws://localhost/graphql", subprotocols=protocols
    ) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4406


@pytest.mark.parametrize(
    "message",
    [
        "5",
        "nonsense",
        "[]",
        "{}",
        '{"type": "nonsense"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": [], "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{", "variables": 5}}',
        '{"type": "complete", "id": {}}',
    ],
)
async def test_nonsense_on_a_websocket_closes_it_with_a_reason(owner: Client, message: str) -> None:
    async with owner.websocket() as socket:
        await socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


async def test_a_websocket_answers_queries_too_and_masks_them(owner: Client) -> None:
    async with owner.websocket() as socket:
        for number, query in enumerate((VIEWER, "{ nothing }")):
            payload = {"query": query}
            text = json.dumps({"id": str(number), "type": "subscribe", "payload": payload})
            await socket.send(text)
        found = [json.loads(await socket.recv()) for _ in range(3)]
    kinds = sorted(message["type"] for message in found)
    assert kinds == ["complete", "error", "next"]
    [error] = [message for message in found if message["type"] == "error"]
    assert error["payload"][0]["extensions"]["code"] == "bad_request"


async def test_two_subscriptions_with_one_id_close_the_websocket(owner: Client) -> None:
    await owner.ask(CREATE_APP, name="demo")
    query = 'subscription { invocationFinished(app: "demo") { cursor } }'
    async with owner.websocket() as socket:
        for _ in range(2):
            payload = {"query": query}
            text = json.dumps({"id": "1", "type": "subscribe", "payload": payload})
            await socket.send(text)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4409


async def test_the_log_in_is_the_only_door_for_strangers(anonymous: Client) -> None:
    payload = (await anonymous.ask(LOG_IN, email="owner@example.org", password=PASSWORD)).data
    assert payload["sessionCreate"]["__typename"] == "SessionCreateSuccess"
