"""Queries that schemathesis makes from the schema, sent by everybody: none meets a fault."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes
from schemathesis.schemas import APIOperation

from integration.manager.authorisation.world import OWN, World, open_world
from picloud.errors import PiCloudError
from picloud.manager.schema import export

pytestmark = pytest.mark.timeout(900)

SEED: Final = 20261122
EXAMPLES: Final = 256
ROLES: Final = (
    *("anonymous", "non-member", "viewer", "operator", "editor", "owner", "admin"),
    "token to deploy",
)
HANG: Final = 15.0  # seconds; what is promised is one, but the machine may be busy
MASKED: Final = "internal"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_database_url: str) -> AsyncIterator[World]:
    """Apps and people."""
    async with open_world(shared_database_url) as built:
        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def queries(world: World) -> Sequence[str]:
    """The same for everybody; names and ids are often those of real objects."""
    target = world.targets[OWN]
    ids = [value for name, value in target.items() if name.endswith("_id")]
    names = [
        target["app"],
        target["script"],
        "theirs",
        "PLAIN",
        "HIDDEN",
        "/hello",
        target["email"],
    ]
    text = st.one_of(st.sampled_from(names), st.text(max_size=20)).map(nodes.String)
    schemathesis.graphql.scalar("ID", st.sampled_from(ids).map(nodes.String))
    schemathesis.graphql.scalar("String", text)
    schemathesis.graphql.scalar("DateTime", st.just("2030-01-01T00:00:00Z").map(nodes.String))
    schema = schemathesis.graphql.from_file(export())
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    made: list[str] = []
    for operation in operations:
        made += examples(operation, -(-EXAMPLES // len(operations)))
    assert len(made) >= EXAMPLES
    return made


def examples(operation: APIOperation[Any, Any, Any, Any], count: int) -> list[str]:
    """Queries of one root field, the same in each run."""
    found: list[str] = []

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def collect(case: schemathesis.Case[Any]) -> None:
        found.append(str(case.body))

    collect()
    # A field without arguments has fewer different queries than asked for.
    return [found[number % len(found)] for number in range(count)]


def test_there_are_at_least_2000_examples() -> None:
    assert EXAMPLES * len(ROLES) >= 2_000


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ROLES)
async def test_no_query_made_from_the_schema_meets_a_fault(
    world: World, queries: Sequence[str], name: str
) -> None:
    person = world.people[name]
    known = {*PiCloudError.by_code, "bad_request"} - {MASKED}
    headers = {"authorization": f"Bearer {person.token}"} if person.token else {}
    transport = httpx.AsyncHTTPTransport(uds=str(world.manager.client.socket))
    slowest = 0.0
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers, timeout=HANG
    ) as http:
        for query in queries:
            began = time.perf_counter()
            answer = await http.post("/graphql", json={"query": query})
            slowest = max(slowest, time.perf_counter() - began)
            assert answer.status_code < 500, (query, answer.text)
            for error in answer.json().get("errors", ()):
                assert error["extensions"]["code"] in known, (query, answer.text)
            if query.startswith("mutation"):
                await world.restore()
    print(f"{name}: the slowest of {len(queries)} took {slowest * 1000:.0f} ms")
