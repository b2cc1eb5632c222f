"""The schema as it is published, and the house rules it keeps."""

from __future__ import annotations

from pathlib import Path

import graphql
import pytest

from picloud.manager.graphql.schema import make_schema
from picloud.manager.schema import export

ROOT = Path(__file__).resolve().parents[3]

VERBS = (
    *("Accept", "Add", "Change", "Create", "Delete", "Deploy", "Disable", "Enable", "Invite"),
    *("Leave", "Promote", "Remove", "Rename", "Reset", "Restore", "Revoke", "RevokeOthers"),
    *("Rollback", "Set", "Split", "Transfer", "Unset", "Update"),
)


@pytest.fixture(scope="module")
def schema() -> graphql.GraphQLSchema:
    """The schema, read back from its text."""
    return graphql.build_schema(export())


def test_schema_graphql_is_what_the_code_says() -> None:
    command = "python -m picloud.manager.schema > schema.graphql"
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == export(), command
    assert make_schema().as_str() + "\n" == export()


def test_every_type_and_field_and_argument_is_described(schema: graphql.GraphQLSchema) -> None:
    silent = []
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in graphql.specified_scalar_types:
            continue
        if not kind.description:
            silent.append(name)
        for field_name, field in getattr(kind, "fields", {}).items():
            if not field.description:
                silent.append(f"{name}.{field_name}")
            arguments = getattr(field, "args", {})
            silent += [
                f"{name}.{field_name}({a})" for a, v in arguments.items() if not v.description
            ]
        if isinstance(kind, graphql.GraphQLEnumType):
            silent += [f"{name}.{v}" for v, value in kind.values.items() if not value.description]
    assert silent == []


def test_every_failure_of_a_payload_is_an_error(schema: graphql.GraphQLSchema) -> None:
    error = schema.type_map["Error"]
    assert isinstance(error, graphql.GraphQLInterfaceType)
    unions = [
        kind for kind in schema.type_map.values() if isinstance(kind, graphql.GraphQLUnionType)
    ]
    assert schema.mutation_type is not None
    payloads = {f"{name[0].upper()}{name[1:]}Payload" for name in schema.mutation_type.fields}
    assert {union.name for union in unions} == payloads - {"SessionDeletePayload"}
    for union in unions:
        for member in union.types:
            is_error = error in member.interfaces
            assert is_error != member.name.endswith("Success"), member.name


def test_every_mutation_takes_one_input_and_is_named_noun_verb(
    schema: graphql.GraphQLSchema,
) -> None:
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        assert set(field.args) <= {"input"}, name
        assert name[0].islower()
        assert name.endswith(VERBS), name


def test_every_list_that_can_grow_is_a_connection(schema: graphql.GraphQLSchema) -> None:
    lists = set()
    for name, kind in schema.type_map.items():
        if name.startswith("__") or not isinstance(kind, graphql.GraphQLObjectType):
            continue
        for field_name, field in kind.fields.items():
            bare = graphql.get_nullable_type(field.type)
            if isinstance(bare, graphql.GraphQLList):
                lists.add(f"{name}.{field_name}")
    assert {entry for entry in lists if not entry.endswith("Connection.edges")} == {
        "App.formerNames",
        "App.quotas",
        "App.rateLimits",
        "Cors.allowHeaders",
        "Cors.exposeHeaders",
        "Cors.origins",
        "Comparison.files",
        "Comparison.settings",
        "Deployment.targets",
        "EgressPolicy.allow",
        "InvalidInputError.fields",
        "Invocation.fetches",
        "NodeIsolation.layers",
        "Route.rateLimits",
        "Route.shadowedBy",
        "Script.routes",
        "Script.versionCounts",
        "Token.scopes",
        "Version.entryPoints",
        "Version.files",
    }
