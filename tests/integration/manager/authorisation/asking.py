"""Asks the schema what a row says, and tells how it was answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, Final

import graphql
from strawberry.types import ExecutionResult

from integration.manager.authorisation.rows import OBJECTS, ROLES, Rule
from integration.manager.authorisation.world import OTHER, OWN, Person, World
from picloud.manager.graphql.context import Context
from picloud.manager.schema import export
from support.actors import CLIENT

SCHEMA: Final = graphql.build_schema(export())
HERE: Final = "here"  # marks the object whose fields are asked
_REFUSALS: Final = {
    "not_found": "hidden",
    "permission_denied": "denied",
    "unauthenticated": "unauthenticated",
}
FIRST_ITEM: Final = 10.0  # seconds until a subscription's first item


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, with the target's names and ids blotted out."""

    data: Any
    errors: tuple[tuple[str, str], ...]

    @property
    def refusal(self) -> str | None:
        """How it was refused at the top level; None: it was not."""
        if not self.errors:
            return None
        code = self.errors[0][0]
        return _REFUSALS.get(code, f"{code}: {self.errors[0][1]}")


def expected(rule: Rule, person: Person, target: str) -> str:
    """How this row is to be answered: `ok`, or in which way it is refused."""
    if rule.role == "anybody":
        return "ok"
    if person.token is None:
        return "unauthenticated"
    if rule.role == "session":
        reaches = rule.scope == "read" or person.everywhere
        return "ok" if reaches and person.holds(rule.scope) else rule.refusal
    if rule.role == "admin":
        return "ok" if person.admin and person.holds(rule.scope) else rule.refusal
    reaches = target == OWN or (target == OTHER and person.admin)
    if not reaches or not person.holds("read") or not (person.admin or person.role):
        return "hidden"
    needed = ROLES.index(rule.role) if rule.role in ROLES else len(ROLES)
    high = person.admin or ROLES.index(str(person.role)) >= needed
    return "ok" if high and person.holds(rule.scope) else rule.refusal


async def ask(world: World, person: Person, target: str, document: str) -> Answer:
    """Execute a query or a mutation."""
    values = world.targets[target]
    result = await world.schema.execute(
        Template(document).substitute(values, session_id=person.session_id),
        context_value=_context(world, person),
    )
    return _answer(result, values)


async def follow(world: World, person: Person, target: str, document: str) -> Answer:
    """The first item of a subscription, or its refusal."""
    values = world.targets[target]
    source = await world.schema.stream(
        Template(document).substitute(values), context_value=_context(world, person)
    )
    async with contextlib.aclosing(source) as items:
        async with asyncio.timeout(FIRST_ITEM):
            result = await anext(items)
    return _answer(result, values)


def object_at(type_name: str) -> str:
    """Where an object of this type is, with `%` for its fields."""
    if at := OBJECTS[type_name].at:
        return at
    variable = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type_name).lower()
    return f'node(id: "${variable}_id") {{ ... on {type_name} {{ % }} }}'


def rules_of(type_name: str) -> dict[str, Rule]:
    """Each field of a type, as it is asked, and its rule."""
    rows = OBJECTS[type_name].rows
    return {word: rule for rule, words in rows.items() for word in words.split()}


def field_document(type_name: str, words: list[str]) -> str:
    """A query for these fields of one object."""
    kind = SCHEMA.type_map[type_name]
    assert isinstance(kind, graphql.GraphQLObjectType)
    asked = (f"{word} {everything(kind.fields[bare(word)].type)}" for word in words)
    return f"{{ {object_at(type_name).replace('%', f'{HERE}: __typename ' + ' '.join(asked))} }}"


def root_document(operation: str, name: str, call: str) -> str:
    """A document with one root field; a mutation's call is its input."""
    root = SCHEMA.get_root_type(graphql.OperationType(operation))
    assert root is not None
    arguments = f"(input: {call})" if call.startswith("{") else call
    return f"{operation} {{ {name}{arguments} {everything(root.fields[name].type)} }}"


def everything(kind: Any) -> str:
    """All that can be selected of a type without going on to other objects."""
    named = graphql.get_named_type(kind)
    if isinstance(named, graphql.GraphQLUnionType):
        members = " ".join(f"... on {each.name} {everything(each)}" for each in named.types)
        return f"{{ __typename {members} }}"
    if not isinstance(named, graphql.GraphQLObjectType):
        return "" if graphql.is_leaf_type(named) else "{ __typename }"
    parts = ["__typename"]
    for name, field in named.fields.items():
        if graphql.is_leaf_type(graphql.get_named_type(field.type)):
            parts.append(
                "" if any(map(graphql.is_required_argument, field.args.values())) else name
            )
        elif is_structural(named.name):
            parts.append(f"{name} {everything(field.type)}")
    # An object has fields with rules of their own: they are asked one by one.
    return f"{{ {' '.join(parts)} }}" if is_structural(named.name) else "{ __typename }"


def is_structural(type_name: str) -> bool:
    """Whether a type only holds together what a field with a row leads to."""
    kind = SCHEMA.type_map[type_name]
    if not isinstance(kind, graphql.GraphQLObjectType):
        return False
    if SCHEMA.type_map["Error"] in kind.interfaces or type_name in ("PageInfo", "FieldError"):
        return True
    return type_name.endswith(("Connection", "Edge")) or type_name in _results()


def find_here(data: Any) -> dict[str, Any] | None:
    """The object whose fields were asked; None if the way there was closed."""
    if isinstance(data, list):
        return next(filter(None, map(find_here, data)), None)
    if not isinstance(data, dict):
        return None
    return data if HERE in data else find_here(list(data.values()))


def bare(word: str) -> str:
    """The field of a row that may have arguments."""
    return word.partition("(")[0]


def _results() -> set[str]:
    """The types that only mutations and subscriptions lead to."""
    found = set()
    for root in (SCHEMA.mutation_type, SCHEMA.subscription_type):
        for field in root.fields.values() if root else ():
            named = graphql.get_named_type(field.type)
            members = named.types if isinstance(named, graphql.GraphQLUnionType) else (named,)
            found |= {member.name for member in members}
    return found


def _context(world: World, person: Person) -> Context:
    return Context(services=world.manager.services, token=person.token, client=CLIENT)


def _answer(result: ExecutionResult, values: Mapping[str, str]) -> Answer:
    errors = tuple(
        (str((error.extensions or {}).get("code")), error.message) for error in result.errors or ()
    )
    text = json.dumps([result.data, errors], default=str)
    for name in ("app", "script", "app_id", "script_id", "deleted_app"):
        text = re.sub(rf"\b{re.escape(values[name])}\b", f"<{name}>", text)
    data, blotted = json.loads(text)
    return Answer(data, tuple((code, message) for code, message in blotted))
