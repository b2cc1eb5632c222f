"""The cost of a query in statements does not grow with the lists in it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import graphql
import pytest
import pytest_asyncio

from integration.manager.authorisation.asking import SCHEMA, ask, object_at
from integration.manager.authorisation.rows import OBJECTS
from integration.manager.authorisation.world import OWN, World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZES = (1, 10, 100)
# At least 100 rows for every connection, around the app `mine` and its script `hello`.
SEED = """
CREATE TEMP TABLE seed AS
SELECT app.id AS app_id, script.id AS script_id, version.id AS version_id, app.created_by,
       deployment.id AS deployment_id, invocation.id AS invocation_id
FROM apps AS app
JOIN scripts AS script ON script.app_id = app.id
JOIN versions AS version ON version.script_id = script.id
JOIN deployments AS deployment ON deployment.script_id = script.id
JOIN invocations AS invocation ON invocation.script_id = script.id
WHERE app.name = 'mine';

INSERT INTO apps (id, name, created_by, created_at)
SELECT gen_random_uuid(), 'app-' || n, created_by, now() FROM seed, generate_series(1, 100) AS n;

INSERT INTO cluster_nodes (id, number, name, started_at, isolation)
SELECT gen_random_uuid(), 100 + n, 'node-' || n, now(), isolation
FROM cluster_nodes, generate_series(1, 100) AS n;

INSERT INTO env_variables (app_id, name, value, updated_by, updated_at)
SELECT app_id, 'NAME_' || n, 'x', created_by, now() FROM seed, generate_series(1, 100) AS n;

INSERT INTO secrets
SELECT (jsonb_populate_record(secret, jsonb_build_object('name', 'NAME_' || n))).*
FROM secrets AS secret JOIN seed USING (app_id), generate_series(1, 100) AS n;

-- More versions and deployments of one script, then more scripts with one of each.
INSERT INTO versions
SELECT (jsonb_populate_record(version, jsonb_build_object(
    'id', gen_random_uuid(), 'number', 1 + n))).*
FROM versions AS version JOIN seed ON seed.version_id = version.id, generate_series(1, 100) AS n;

INSERT INTO deployments
SELECT (jsonb_populate_record(deployment, jsonb_build_object('id', gen_random_uuid()))).*
FROM deployments AS deployment JOIN seed ON seed.deployment_id = deployment.id,
     generate_series(1, 100);

INSERT INTO scripts (id, app_id, name, created_at)
SELECT gen_random_uuid(), app_id, 'script-' || n, now() FROM seed, generate_series(1, 100) AS n;

INSERT INTO versions
SELECT (jsonb_populate_record(version, jsonb_build_object(
    'id', gen_random_uuid(), 'script_id', script.id))).*
FROM versions AS version JOIN seed ON seed.version_id = version.id,
     scripts AS script WHERE script.name LIKE 'script-%';

INSERT INTO deployments
SELECT (jsonb_populate_record(deployment, jsonb_build_object(
    'id', gen_random_uuid(), 'script_id', version.script_id, 'version_id', version.id))).*
FROM deployments AS deployment JOIN seed ON seed.deployment_id = deployment.id,
     versions AS version JOIN scripts AS script ON script.id = version.script_id
WHERE script.name LIKE 'script-%';

UPDATE scripts AS script SET active_deployment_id = deployment.id
FROM deployments AS deployment
WHERE deployment.script_id = script.id AND script.name LIKE 'script-%';

INSERT INTO routes
SELECT (jsonb_populate_record(route, jsonb_build_object(
    'id', gen_random_uuid(), 'script_id', script.id, 'pattern', '/' || script.name))).*
FROM routes AS route JOIN seed USING (script_id), scripts AS script
WHERE script.name LIKE 'script-%';

-- Invocations and log records of every script, and a hundred of one.
INSERT INTO invocations
SELECT (jsonb_populate_record(invocation, jsonb_build_object(
    'id', gen_random_uuid(), 'seq', 1000 + row_number() OVER (), 'script_id', script.id))).*
FROM invocations AS invocation JOIN seed ON seed.invocation_id = invocation.id,
     scripts AS script, generate_series(1, 3)
WHERE script.app_id = seed.app_id;

INSERT INTO invocations
SELECT (jsonb_populate_record(invocation, jsonb_build_object(
    'id', gen_random_uuid(), 'seq', 2000 + n))).*
FROM invocations AS invocation JOIN seed ON seed.invocation_id = invocation.id,
     generate_series(1, 100) AS n;

INSERT INTO log_records
SELECT (jsonb_populate_record(record, jsonb_build_object('seq', 1000 + n, 'number', n))).*
FROM log_records AS record JOIN seed USING (invocation_id), generate_series(1, 100) AS n;
"""


def connections() -> Iterator[tuple[str, str]]:
    """Every connection of the schema, as the type it is in and its name."""
    for name, kind in SCHEMA.type_map.items():
        if isinstance(kind, graphql.GraphQLObjectType) and (name in OBJECTS or name == "Query"):
            for field_name, field in kind.fields.items():
                if graphql.get_named_type(field.type).name.endswith("Connection"):
                    yield name, field_name


def item_fields(type_name: str, field_name: str) -> Iterator[str]:
    """What is asked of each item: its plain fields at once, then every other one alone.

    One by one, because two batches of one kind may or may not meet.
    """
    parent = SCHEMA.type_map[type_name]
    assert isinstance(parent, graphql.GraphQLObjectType)
    connection = graphql.get_named_type(parent.fields[field_name].type)
    assert isinstance(connection, graphql.GraphQLObjectType)
    edge = graphql.get_named_type(connection.fields["edges"].type)
    assert isinstance(edge, graphql.GraphQLObjectType)
    node = graphql.get_named_type(edge.fields["node"].type)
    assert isinstance(node, graphql.GraphQLObjectType)
    plain = ["__typename"]
    for name, field in node.fields.items():
        kind = graphql.get_named_type(field.type)
        if any(map(graphql.is_required_argument, field.args.values())):
            continue
        if graphql.is_leaf_type(kind):
            plain.append(name)
        elif kind.name.endswith("Connection"):
            yield f"{name}(last: 2) {{ edges {{ cursor }} }}"
        elif graphql.is_object_type(kind):
            leaves = [n for n, each in kind.fields.items() if graphql.is_leaf_type(each.type)]
            yield f"{name} {{ __typename {' '.join(leaves)} }}"
    yield " ".join(plain)


CASES = [(*where, fields) for where in connections() for fields in item_fields(*where)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared_database_url: str) -> AsyncIterator[World]:
    """Apps and people, and long lists of everything."""
    async with open_world(shared_database_url) as built:
        await built.pool.execute(SEED)
        yield built


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent through the pool while the test runs."""
    seen: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        original = getattr(asyncpg.Connection, name)

        async def counted(
            self: object, query: str, *args: object, _original: object = original, **more: object
        ) -> object:
            if not query.startswith("SELECT pg_advisory_unlock_all()"):  # the pool's own
                seen.append(query)
            return await _original(self, query, *args, **more)  # type: ignore[operator]

        monkeypatch.setattr(asyncpg.Connection, name, counted)
    return seen


@pytest.mark.parametrize(("type_name", "field_name", "fields"), CASES)
async def test_lists_of_1_and_10_and_100_cost_the_same_number_of_statements(
    world: World, statements: list[str], type_name: str, field_name: str, fields: str
) -> None:
    counts = []
    for size in SIZES:
        inner = f"{field_name}(first: {size}) {{ edges {{ cursor node {{ {fields} }} }} }}"
        where = "%" if type_name == "Query" else object_at(type_name)
        statements.clear()
        answer = await ask(world, world.people["admin"], OWN, f"{{ {where.replace('%', inner)} }}")
        counts.append(len(statements))
        assert answer.errors == ()
        assert length(answer.data) == size, "SEED has no 100 rows for this connection"
    assert counts == [counts[0]] * 3
    assert counts[0] < 15


async def test_a_page_of_100_scripts_with_versions_invocations_and_authors_is_quick(
    world: World, statements: list[str]
) -> None:
    page = """{ app(name: "$app") { scripts(first: 100) { edges { node {
      name url activeVersion { number createdAt createdBy { email } }
      lastInvocation { outcome status startedAt durationMs }
    } } } } }"""
    counts, took = set(), []
    for size in [1, *[100] * 20]:
        document = page.replace("100", str(size))
        statements.clear()
        began = time.perf_counter()
        answer = await ask(world, world.people["operator"], OWN, document)
        took.append(time.perf_counter() - began)
        counts.add(len(statements))
        scripts = [edge["node"] for edge in answer.data["app"]["scripts"]["edges"]]
        assert len(scripts) == size
        assert all(script["lastInvocation"]["outcome"] == "OK" for script in scripts)
        assert all(script["activeVersion"]["createdBy"]["email"] for script in scripts)
    assert len(counts) == 1
    pages = sorted(took[1:])
    print(f"a page of 100: {pages[0] * 1000:.1f} ms at best, {pages[18] * 1000:.1f} ms p95")


def length(data: object) -> int:
    """How many edges the outermost connection has."""
    while isinstance(data, dict) and "edges" not in data:
        data = next(iter(data.values()))
    while isinstance(data, list):
        data = data[0]
    return len(data["edges"]) if isinstance(data, dict) else 0
