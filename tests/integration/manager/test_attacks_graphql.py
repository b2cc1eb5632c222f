"""Attacks on the GraphQL endpoint that no other test of this directory tries.

Origins, media types and methods: `test_sessions`. Masks and websocket nonsense: `test_walls`. Who
may see what: `authorisation/`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import graphql
import pytest
import pytest_asyncio
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from picloud.manager import subscription
from picloud.manager.graphql.sockets import SocketLimits
from picloud.manager.graphql.view import Limits
from picloud.manager.schema import export
from support.manager import (
    CREATE_APP,
    EMAIL,
    PASSWORD,
    Client,
    RunningManager,
    Tail,
    Writer,
    fake_node,
    running_manager,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOCKETS = SocketLimits(
    sockets=8,
    max_sockets_per_user=3,
    max_subscriptions_per_socket=4,
    max_subscriptions_per_user=6,
)
FOLLOW = """subscription { logRecordAppended(app: "demo") { cursor lagged logRecord { text } } }"""
BIG = 10_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manager(shared_database_url: str) -> AsyncIterator[RunningManager]:
    """One manager for all, with few websockets."""
    with TemporaryDirectory(prefix="pc-") as directory:
        async with (
            running_manager(
                shared_database_url,
                Path(directory),
                limits=Limits(sockets=SOCKETS),
            ) as running,
            fake_node(shared_database_url),
        ):
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(manager: RunningManager) -> Client:
    """The owner, with an app."""
    owner = await manager.client.log_in()
    await owner.ask(CREATE_APP, name="demo")
    await owner.deploy("demo", "hello")
    return owner


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def writer(manager: RunningManager, owner: Client) -> Writer:
    """A node that writes records of demo/hello."""
    assert owner.token
    row = await manager.services.pool.fetchrow("SELECT id, app_id FROM scripts")
    assert row is not None
    return Writer(manager.services.pool, 1, row["app_id"], row["id"])


def too_deep(way: str) -> str:
    """One field more than may be inside one another, by different ways."""
    if way == "plain":
        return "{ " + "node(id: 1) { ... on Script { activeVersion { script { name } } } }" + " }"
    levels = 8
    if way == "inline":
        inner = "name"
        for _ in range(levels):
            inner = f"... on Script {{ activeVersion {{ script {{ {inner} }} }} }}"
        return f'{{ script(app: "demo", name: "hello") {{ {inner} }} }}'
    parts = " ".join(
        f"fragment F{n} on Script {{ activeVersion {{ script {{ ...F{n + 1} }} }} }}"
        for n in range(levels)
    )
    last = f"fragment F{levels} on Script {{ name }}"
    return f'{{ script(app: "demo", name: "hello") {{ ...F0 }} }} {parts} {last}'


G1 = {
    "inline fragments": too_deep("inline"),
    "fragments": too_deep("fragments"),
    "a fragment for each level": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(300)),
    "braces beyond the parser": "{ a " * 900 + "}" * 900,
}
G3 = {
    "20 000 directives": "{ viewer " + "@skip(if: false) " * 5_000 + "{ __typename } }",
    "directives beside each other": "{ viewer "
    + "... @include(if: true) { __typename } " * 51
    + " }",
    "50 000 fields": "{ viewer { user { " + "id " * 30_000 + "} } }",
    "variables": "query (" + " ".join(f"$a{n}: Int" for n in range(9_000)) + ") { __typename }",
    "a wide page in a wide page": "{ apps(first: 100) { edges { node { scripts(first: 100) "
    "{ edges { node { versions(first: 100) { edges { cursor } } } } } } } } }",
    "pages by variables": "query ($n: Int = 100) { apps(first: $n) { edges { node { scripts("
    "first: $n) { edges { node { versions(first: $n) { edges { cursor } } } } } } } } }",
}


@pytest.mark.parametrize("name", [*G1, *G3])
async def test_what_asks_for_too_much_is_refused_by_the_name_of_the_limit(
    owner: Client, name: str
) -> None:
    answer = await owner.ask((G1 | G3)[name])
    assert answer.codes == ["query_too_costly"]
    assert answer.response.status_code in (400, 413)
    [error] = answer.response.json()["errors"]
    assert re.search(r"the limit is \d+.* \(\w[\w ,]*\)", error["message"])
    assert "recursion" not in answer.response.text


@pytest.mark.parametrize(
    ("size", "code"), [(5_000_000, "query_too_costly"), (50_000_000, "body_too_large")]
)
async def test_a_huge_comment_is_refused_before_it_is_parsed(
    owner: Client, size: int, code: str
) -> None:
    answer = await owner.ask("# " + "x" * size + "\n{ __typename }")
    assert answer.response.status_code == 413
    assert answer.codes == [code]


async def test_a_list_of_100_000_items_as_a_variable_gets_an_answer_of_bounded_size(
    owner: Client,
) -> None:
    query = """mutation ($names: [String!]!) { envUnset(input: {app: "demo", names: $names}) {
      __typename ... on Error { code } ... on InvalidInputError { fields { message } } } }"""
    answer = await owner.ask(query, names=["x"] * 100_000)
    assert answer.data["envUnset"]["code"] == "invalid_input"
    assert len(answer.response.content) < 20_000


async def test_a_query_that_takes_too_long_is_ended(manager: RunningManager, owner: Client) -> None:
    query = "{ apps { edges { cursor } } }"
    with TemporaryDirectory(prefix="pc-") as directory:
        limits = Limits(timeout_ms=300)
        async with (
            running_manager(manager.url, Path(directory), limits=limits) as hasty,
            manager.services.pool.acquire() as db,
            db.transaction(),
        ):
            await db.execute("LOCK TABLE apps IN ACCESS EXCLUSIVE MODE")
            answer = await Client(hasty.client.socket, owner.token).ask(query)
    assert answer.codes == ["query_timeout"]
    assert answer.response.status_code == 504
    assert "300 ms (query_timeout_ms)" in answer.response.text
    assert (await owner.ask(query)).data["apps"]["edges"]


async def test_a_fault_before_the_query_is_parsed_is_masked_too(
    manager: RunningManager, owner: Client
) -> None:
    await manager.services.pool.execute("ALTER TABLE sessions RENAME TO hidden_table")
    try:
        answer = await owner.ask("{ viewer { user { email } } }")
    finally:
        await manager.services.pool.execute("ALTER TABLE hidden_table RENAME TO sessions")
    assert answer.codes == ["internal"]
    assert answer.response.status_code == 500
    for word in ("relation", "hidden", "sessions", "postgres"):
        assert word not in answer.response.text
    assert answer.response.json()["errors"][0]["extensions"]["incident"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('mutation { appCreate(input: {name: "x", ownerId: "y"}) { __typename } }', {}),
        ("mutation ($i: AppCreateInput!) { appCreate(input: $i) { __typename } }", {"i": {}}),
        (
            "mutation ($i: AppCreateInput!) { appCreate(input: $i) { __typename } }",
            {"i": {"name": "x", "role": "owner"}},
        ),
        ('{ app(name: "demo") { logRecords(level: info) { liveCursor } } }', {}),
        ("query ($n: String!) { app(name: $n) { id } }", {"n": None}),
        (f"{{ apps(first: {'[' * 900}{']' * 900}) {{ __typename }} }}", {}),
        ("query ($n: Int) { apps(first: $n) { liveCursor } }", {"n": 2**53}),
        ("query ($n: Int) { apps(first: $n) { pageInfo { endCursor } } }", {"n": 2**53}),
        ("query ($n: Int) { apps(first: $n) { pageInfo { endCursor } } }", {"n": 1.5}),
        ("query ($n: Int) { apps(first: $n) { pageInfo { endCursor } } }", {"n": True}),
    ],
)
async def test_input_that_does_not_fit_the_schema_is_a_clean_400(
    owner: Client, query: str, variables: dict[str, Any]
) -> None:
    answer = await owner.ask(query, **variables)
    assert set(answer.codes) == {"bad_request"}
    assert answer.response.status_code == 400


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x" * 100_000, "\u202e", ""])
async def test_texts_postgresql_can_not_take_never_reach_it(owner: Client, text: str) -> None:
    for query in (
        "query ($t: String!) { app(name: $t) { id } }",
        'query ($t: String!) { script(app: "demo", name: $t) { id } }',
        "query ($t: ID!) { node(id: $t) { id } }",
    ):
        answer = await owner.ask(query, t=text)
        assert list(answer.data.values()) == [None]
    for mutation in (
        "appCreate(input: {name: $t})",
        "sessionCreate(input: {email: $t, password: $t})",
        "envSet(input: {app: $t, variables: [{name: $t, value: $t}]})",
        'envSet(input: {app: "demo", variables: [{name: $t, value: $t}]})',
        'scriptDeploy(input: {app: "demo", name: $t, source: $t})',
    ):
        query = f"mutation ($t: String!) {{ {mutation} {{ ... on Error {{ code }} }} }}"
        [payload] = (await owner.ask(query, t=text)).data.values()
        assert payload["code"] in ("invalid_input", "not_found", "invalid_credentials")


async def test_the_anonymous_learn_nothing_of_the_schema(manager: RunningManager) -> None:
    schema = graphql.build_schema(export())
    words = sorted(
        {name for kind in schema.type_map.values() for name in getattr(kind, "fields", ())}
    )
    anonymous = manager.client
    seen = set()
    for word in [*words[::10], "nothing", "usr", "__schema { types { name } }", "__type(name: 1)"]:
        for query in (f"{{ {word} }}", f"mutation {{ {word} }}", f"{{ viewer {{ {word} }} }}"):
            answer = await anonymous.ask(query)
            seen.add(answer.response.text)
            assert answer.response.status_code == 401
    assert len(seen) <= 2  # "log in", with and without a word about the query


async def test_somebody_with_a_role_gets_no_suggestions(owner: Client) -> None:
    for query in (
        "{ viewr { __typename } }",
        "{ viewer { usr { id } } }",
        "mutation { appCreat { __typename } }",
    ):
        assert "Did you mean" not in (await owner.ask(query)).response.text


async def test_a_log_in_by_aliases_is_refused_whole(manager: RunningManager) -> None:
    one = f'sessionCreate(input: {{email: "{EMAIL}", password: "{PASSWORD}"}}) {{ __typename }}'
    query = "mutation { " + " ".join(f"a{n}: {one}" for n in range(16)) + " }"
    assert (await manager.client.ask(query)).codes == ["unauthenticated"]


async def test_a_user_has_few_websockets_and_few_operations_on_each(owner: Client) -> None:
    async with owner.websocket() as first, owner.websocket() as second, owner.websocket():
        with pytest.raises(ConnectionClosed) as closed:
            async with owner.websocket():
                raise AssertionError("let in")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4429
        assert "3 websockets" in closed.value.rcvd.reason
        for number in range(4):
            await subscribe(first, number)
        await subscribe(first, 4)
        assert (
            await refusal(first, 4)
            == "The limit is 4 operations at a time (max_subscriptions_per_socket)."
        )
        for number in range(3):
            await subscribe(second, number)
        assert (
            await refusal(second, 2)
            == "The limit is 6 operations at a time (max_subscriptions_per_user)."
        )
        await first.send(json.dumps({"id": "0", "type": "complete"}))
        await subscribe(second, 3)
        await second.send(json.dumps({"type": "ping"}))
        assert json.loads(await second.recv())["type"] == "pong"


async def test_the_manager_has_so_many_websockets_and_counts_those_that_say_nothing(
    owner: Client,
) -> None:
    silent = []
    try:
        for _ in range(SOCKETS.sockets):
            silent.append(await open_socket(owner))
        with pytest.raises(InvalidStatus) as refused:
            await open_socket(owner)
        assert refused.value.response.status_code == 503
        assert b"too_many_sockets" in refused.value.response.body
    finally:
        for socket in silent:
            await socket.close()

    async def served() -> bool:
        try:
            async with owner.websocket():
                return True
        except InvalidStatus:
            return False

    await until(served)


async def test_a_reader_that_does_not_read_holds_up_nobody_and_loses_nothing(
    manager: RunningManager, owner: Client, writer: Writer
) -> None:
    total = 400
    texts = [f"{number:03}".ljust(BIG, "x") for number in range(total)]
    hold: dict[str, Any] = {"max_queue": 1, "compression": None}
    async with owner.websocket(**hold) as slow, owner.websocket() as quick:
        for socket in (slow, quick):
            await subscribe(socket, 0)
        stream = manager.services.hub._logs

        async def both_follow() -> bool:
            return stream.position is not None and len(stream.subscribers) == 2

        await until(both_follow)
        for start in range(0, total, 10):
            await writer.log(*texts[start : start + 10])
        seen = [await Tail(quick).item() for _ in range(total)]
        assert [item["logRecord"]["text"] for item in seen] == texts
        for subscriber in stream.subscribers:
            assert subscriber._queued <= subscription.MAX_QUEUED
            assert subscriber._queued_text <= subscription.MAX_QUEUED_TEXT
        late = [await Tail(slow).item() for _ in range(total)]
        assert [item["logRecord"]["text"] for item in late] == texts
        assert any(item["lagged"] for item in late)


async def subscribe(socket: websockets.ClientConnection, number: int) -> None:
    """Begin to follow."""
    payload = {"query": FOLLOW}
    await socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": payload}))


async def refusal(socket: websockets.ClientConnection, number: int) -> str:
    """What is said against an operation."""
    async with asyncio.timeout(20):
        message = json.loads(await socket.recv())
    assert (message["type"], message["id"]) == ("error", str(number))
    [error] = message["payload"]
    assert error["extensions"]["code"] == "too_many_subscriptions"
    return str(error["message"])


async def open_socket(client: Client) -> websockets.ClientConnection:
    """A websocket that has not said a word."""
    return await websockets.unix_connect(
        str(client.socket), uri="ws://localhost/graphql", subprotocols=["graphql-transport-ws"]
    )
