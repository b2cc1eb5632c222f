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
# `clone` copies the rows that fit a condition a number of times, `n`, with changes.
SEED = """
CREATE FUNCTION pg_temp.clone(source regclass, condition text, changes text, times integer = 100)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE columns text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
    WHERE attrelid = source AND attnum > 0 AND attgenerated = '' AND NOT attisdropped;
    EXECUTE format(
        'INSERT INTO %1$s (%2$s) SELECT %2$s FROM (SELECT (jsonb_populate_record(old,'
        ' jsonb_build_object(%3$s))).* FROM %1$s AS old, generate_series(1, %4$s) AS n'
        ' WHERE %5$s) AS made', source, columns, changes, times, condition);
END $$;
CREATE FUNCTION pg_temp.app() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT id FROM apps WHERE name = 'mine' $$;
CREATE FUNCTION pg_temp.script() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT id FROM scripts WHERE app_id = pg_temp.app() AND name = 'hello' $$;
CREATE FUNCTION pg_temp.invocation() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT id FROM invocations WHERE script_id = pg_temp.script() AND seq = 1 $$;
CREATE FUNCTION pg_temp.admin() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT id FROM users WHERE email = 'owner@example.org' $$;

SELECT pg_temp.clone('apps', $$name = 'theirs'$$, $$'id', gen_random_uuid(), 'name', 'app-' || n$$);
SELECT pg_temp.clone('cluster_nodes', 'true', $$'id', gen_random_uuid(), 'number', 100 + n$$);
SELECT pg_temp.clone('users', 'id = pg_temp.admin()',
    $$'id', gen_random_uuid(), 'email', n || '@seed.example'$$);
INSERT INTO members SELECT pg_temp.app(), id, 'viewer' FROM users WHERE email LIKE '%@seed.example';
SELECT pg_temp.clone('apps', $$name = 'mine-before'$$,
    $$'id', gen_random_uuid(), 'name', 'before-' || n$$);
SELECT pg_temp.clone('scripts', $$app_id = pg_temp.app() AND name = 'old'$$,
    $$'id', gen_random_uuid(), 'name', 'old-' || n, 'active_deployment_id', null$$);
SELECT pg_temp.clone('invitations', 'true', $$'id', gen_random_uuid(), 'email',
    n || '@invited.example', 'token_hash', sha256(n::text::bytea)$$);
SELECT pg_temp.clone('sessions', 'user_id = pg_temp.admin()',
    $$'id', gen_random_uuid(), 'token_hash', sha256(n::text::bytea)$$);
SELECT pg_temp.clone('tokens', 'user_id = pg_temp.admin() AND app_id = pg_temp.app()',
    $$'id', gen_random_uuid(), 'name', 'token ' || n, 'token_hash', sha256(n::text::bytea)$$);
SELECT pg_temp.clone('audit_entries', $$app_id = pg_temp.app() AND action = 'app.create'$$,
    $$'id', '01900000-0000-7000-8000-' || lpad(n::text, 12, '0')$$); -- the id holds the time
SELECT pg_temp.clone('env_variables', $$app_id = pg_temp.app() AND name = 'PLAIN'$$,
    $$'script_id', null, 'name', 'NAME_' || n$$);
SELECT pg_temp.clone('env_variables', $$app_id = pg_temp.app() AND name LIKE 'NAME%'$$,
    $$'script_id', pg_temp.script()$$, 1);
SELECT pg_temp.clone('secrets', $$app_id = pg_temp.app() AND name = 'HIDDEN'$$,
    $$'script_id', null, 'name', 'NAME_' || n$$);
SELECT pg_temp.clone('secrets', $$app_id = pg_temp.app() AND name LIKE 'NAME%'$$,
    $$'script_id', pg_temp.script()$$, 1);

SELECT pg_temp.clone('versions', 'script_id = pg_temp.script() AND number = 1',
    $$'id', gen_random_uuid(), 'number', 1000 + n$$);
SELECT pg_temp.clone('deployments',
    'seq = (SELECT min(seq) FROM deployments WHERE script_id = pg_temp.script())',
    $$'id', '01900001-0000-7000-8000-' || lpad(n::text, 12, '0'), 'seq', 100000 + n$$);
SELECT pg_temp.clone('invocations', 'id = pg_temp.invocation()',
    $$'id', gen_random_uuid(), 'seq', 1000 + n$$);
SELECT pg_temp.clone('log_records', 'invocation_id = pg_temp.invocation()',
    $$'seq', 1000 + n, 'number', n$$);

-- A hundred scripts, each with a version that serves, a route and an invocation; the ids of what
-- belongs to a script are made from its own.
SELECT pg_temp.clone('scripts', 'id = pg_temp.script()', $$'id', gen_random_uuid(),
    'name', 'script-' || n, 'active_deployment_id', null$$);
CREATE TEMP TABLE script AS
SELECT id, row_number() OVER () AS at FROM scripts WHERE name LIKE 'script-%';
INSERT INTO versions SELECT made.* FROM script, LATERAL (
    SELECT (jsonb_populate_record(old, jsonb_build_object(
        'id', gen_random_uuid(), 'script_id', script.id))).*
    FROM versions AS old WHERE old.script_id = pg_temp.script() AND old.number = 1) AS made;
INSERT INTO deployments SELECT made.* FROM versions AS version JOIN script
    ON script.id = version.script_id, LATERAL (
    SELECT (jsonb_populate_record(old, jsonb_build_object(
        'id', '01900002-0000-7000-8000-' || lpad(script.at::text, 12, '0'),
        'script_id', script.id, 'version_id', version.id, 'seq', 200000 + script.at))).*
    FROM deployments AS old WHERE old.script_id = pg_temp.script() LIMIT 1) AS made;
INSERT INTO deployment_targets (deployment_id, script_id, version_id, weight)
SELECT id, script_id, version_id, 100 FROM deployments WHERE seq >= 100000;
UPDATE scripts AS script SET active_deployment_id = deployment.id FROM deployments AS deployment
WHERE deployment.script_id = script.id AND script.name LIKE 'script-%';
INSERT INTO routes SELECT made.* FROM script, LATERAL (
    SELECT (jsonb_populate_record(old, jsonb_build_object('id', gen_random_uuid(),
        'script_id', script.id, 'pattern', '/' || script.id))).*
    FROM routes AS old WHERE old.script_id = pg_temp.script() LIMIT 1) AS made;
INSERT INTO invocations SELECT made.* FROM script, LATERAL (
    SELECT (jsonb_populate_record(old, jsonb_build_object('id', gen_random_uuid(),
        'script_id', script.id, 'seq', 2000 + script.at))).*
    FROM invocations AS old WHERE old.id = pg_temp.invocation()) AS made;
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
