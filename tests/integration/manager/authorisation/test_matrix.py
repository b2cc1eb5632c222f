"""Every field of the schema, for everybody, on what is theirs, others', deleted or was never there.

The rows are in `rows.py`, which says how to add one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import graphql
import pytest

from integration.manager.authorisation.asking import (
    SCHEMA,
    Answer,
    ask,
    bare,
    expected,
    field_document,
    find_here,
    follow,
    is_structural,
    root_document,
    rules_of,
)
from integration.manager.authorisation.rows import (
    MUTATIONS,
    OBJECTS,
    QUERIES,
    SUBSCRIPTIONS,
    Call,
    Rule,
)
from integration.manager.authorisation.world import (
    CANARY,
    MISSING,
    NEVER_SHOWN,
    OWN,
    PEOPLE,
    TARGETS,
    Person,
    World,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOTS = {"query": QUERIES, "mutation": MUTATIONS, "subscription": SUBSCRIPTIONS}


@pytest.mark.parametrize("operation", ROOTS)
async def test_every_root_field_has_a_row(operation: str) -> None:
    root = SCHEMA.get_root_type(graphql.OperationType(operation))
    assert root is not None
    assert set(ROOTS[operation]) == set(root.fields), "see rows.py"


async def test_every_type_has_rows_for_all_its_fields() -> None:
    roots = [SCHEMA.get_root_type(each) for each in graphql.OperationType]
    kinds = {
        name: kind
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, graphql.GraphQLObjectType) and kind not in roots
        if not name.startswith("__") and not is_structural(name)
    }
    assert set(OBJECTS) == set(kinds), "see rows.py"
    for name, kind in kinds.items():
        rows = [bare(word) for word in rules_of(name)]
        assert sorted(rows) == sorted(kind.fields), f"{name}: see rows.py"


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("type_name", OBJECTS)
async def test_fields_of_objects(world: World, name: str, type_name: str) -> None:
    person = world.people[name]
    missing = await field_answers(world, person, MISSING, type_name)
    for target in targets_of(rules_of(type_name).values()):
        answers = await field_answers(world, person, target, type_name)
        for word, rule in rules_of(type_name).items():
            case = f"{type_name}.{word} of {target} for {name}"
            wanted = expected(rule, person, target)
            assert how_object(answers[word], word, rule) == wanted, case
            if wanted == "hidden":
                assert answers[word] == missing[word], f"{case} differs from what is missing"
            check_canaries(answers[word], person, case)


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("operation", ["query", "subscription"])
async def test_roots_that_read(world: World, operation: str, name: str) -> None:
    person = world.people[name]
    send = ask if operation == "query" else follow
    for field, row in ROOTS[operation].items():
        document = root_document(operation, field, row.call)
        for target in targets_of([row.rule]):
            case = f"{operation} {field} on {target} for {name}"
            answer = await send(world, person, target, document)
            wanted = expected(row.rule, person, target)
            assert how_root(answer, field) == wanted, case
            if wanted == "hidden":
                assert answer == await send(world, person, MISSING, document), case
            check_canaries(answer, person, case)


@pytest.mark.parametrize("name", PEOPLE)
async def test_mutations_change_only_what_they_may(world: World, name: str) -> None:
    person = world.people[name]
    refused: list[tuple[str, Call, str]] = []
    for field, row in MUTATIONS.items():
        for target in targets_of([row.rule]):
            if expected(row.rule, person, target) != "ok":
                refused.append((field, row, target))
                continue
            answer = await ask(world, person, target, root_document("mutation", field, row.call))
            assert how_root(answer, field) == "ok", f"{field} on {target} for {name}: {answer}"
            check_canaries(answer, person, f"{field} on {target} for {name}")
            assert await world.changed(), f"{field} on {target} for {name} changed nothing"
            await world.restore()
    for field, row, target in refused:
        document = root_document("mutation", field, row.call)
        answer = await ask(world, person, target, document)
        wanted = expected(row.rule, person, target)
        assert how_root(answer, field) == wanted, f"{field} on {target} for {name}: {answer}"
        if wanted == "hidden":
            missing = await ask(world, person, MISSING, document)
            assert answer == missing, f"{field} on {target} for {name}"
    assert await world.changed() == []


async def field_answers(
    world: World, person: Person, target: str, type_name: str
) -> Mapping[str, Answer]:
    """The answer about each field: those that are to be answered alike are asked together."""
    rules = rules_of(type_name)
    together: dict[str, list[str]] = {}
    for word, rule in rules.items():
        wanted = expected(rule, person, target)
        together.setdefault(word if wanted == "denied" else wanted, []).append(word)
    answers: dict[str, Answer] = {}
    for words in together.values():
        answer = await ask(world, person, target, field_document(type_name, words))
        answers |= dict.fromkeys(words, answer)
    return answers


def targets_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """What a row is tried on: what belongs to no app is there once."""
    apart = all(rule.role in ("session", "anybody") for rule in rules)
    return (OWN,) if apart else TARGETS


def how_object(answer: Answer, word: str, rule: Rule) -> str:
    """How a question about an object's field was answered."""
    if answer.refusal is not None:
        return answer.refusal
    found = find_here(answer.data)
    if found is None:
        return "hidden"
    return "null" if found[bare(word)] is None and rule.refusal == "null" else "ok"


def how_root(answer: Answer, field: str) -> str:
    """How a root field was answered."""
    if answer.refusal is not None:
        return answer.refusal
    payload = answer.data[field]
    if payload is None:
        return "hidden"
    if payload["__typename"].endswith("Error"):
        return {"not_found": "hidden", "permission_denied": "denied"}.get(
            payload["code"], str(payload)
        )
    return "ok"


def check_canaries(answer: Answer, person: Person, case: str) -> None:
    """Nothing of another app, and never a secret's value."""
    text = str(answer)
    assert NEVER_SHOWN not in text, case
    assert person.admin or CANARY not in text, case
