"""What an operation may cost, found before it runs, over what its fragments expand to.

The cost is how many values the answer may hold: every field counts one for each object it is asked
of, and a page counts as long as `first` or `last` make it. A fragment is measured once, whoever
spreads it, so the work grows with the document and not with what it expands to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import graphql
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from picloud.domain.page import DEFAULT_PAGE, MAX_PAGE
from picloud.errors import Expected

PLAIN_LIST: Final = 10  # how long a list that has no pages is taken to be
# How many objects a field of introspection leads to, in a schema of our kind. A type in a list in a
# list is at the end of `ofType` three times; other fields stop earlier.
INTROSPECTED: Final[Mapping[str, float]] = {"types": 50, "fields": 4, "ofType": 0.5, "args": 0.5}
_META: Final = {
    "__schema": graphql.SchemaMetaFieldDef,
    "__type": graphql.TypeMetaFieldDef,
}


class QueryTooCostly(Expected):
    """The query asks for too much."""

    code = "query_too_costly"
    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """How much one operation may ask, by the names that are in the errors."""

    max_query_cost: int = 20_000
    max_query_depth: int = 15
    aliases: int = 15
    directives: int = 50
    directives_of_field: int = 4
    tokens: int = 2_000
    characters: int = 100_000


@dataclass(frozen=True, slots=True)
class Measure:
    """A selection set, expanded. `per_edge` is what each item of a page adds to the cost."""

    cost: int = 0
    per_edge: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0

    def plus(self, other: Measure) -> Measure:
        """Both side by side."""
        return Measure(
            cost=self.cost + other.cost,
            per_edge=self.per_edge + other.per_edge,
            depth=max(self.depth, other.depth),
            aliases=self.aliases + other.aliases,
            directives=self.directives + other.directives,
        )


NOTHING: Final = Measure()


def check_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Mapping[str, Any] | None,
    limits: QueryLimits,
) -> None:
    """Raise `QueryTooCostly` for the first limit an operation of the document exceeds.

    The document need not be valid: what the schema does not know counts one.
    """
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            values = _variables(operation, variables or {})
            found = _Meter(schema, document, values, limits).operation(operation)
            _check(found.cost, limits.max_query_cost, "may bring {} values", "max_query_cost")
            _check(found.aliases, limits.aliases, "has {} aliases", "aliases")
            _check(found.directives, limits.directives, "has {} directives", "directives")


class _Meter:
    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        variables: Mapping[str, Any],
        limits: QueryLimits,
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._limits = limits
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, Measure] = {}

    def operation(self, node: OperationDefinitionNode) -> Measure:
        root = self._schema.get_root_type(node.operation)
        found = self._selections(node.selection_set, root, 0)
        return found.plus(self._directives(node))

    def _selections(self, node: SelectionSetNode, parent: Any, level: int) -> Measure:
        """`level` counts fields and fragments on the way here: it also bounds the recursion."""
        most = self._limits.max_query_depth
        _check(level, 2 * most, "goes through {} fields and fragments", "max_query_depth, twice")
        found = NOTHING
        for selection in node.selections:
            match selection:
                case FieldNode():
                    part = self._field(selection, parent, level)
                case InlineFragmentNode():
                    on = selection.type_condition
                    kind = self._schema.get_type(on.name.value) if on else parent
                    part = self._selections(selection.selection_set, kind, level + 1)
                case FragmentSpreadNode():
                    part = self._fragment(selection.name.value, level)
                case _:
                    part = NOTHING
            found = found.plus(part).plus(self._directives(selection))
        _check(found.depth, most, "is {} levels deep", "max_query_depth")
        return found

    def _field(self, node: FieldNode, parent: Any, level: int) -> Measure:
        name = node.name.value
        field = _META.get(name) or getattr(parent, "fields", {}).get(name)
        kind = graphql.get_named_type(field.type) if field else None
        inner = NOTHING
        if node.selection_set is not None:
            inner = self._selections(node.selection_set, kind, level + 1)
        each = 1 + inner.cost
        is_edges = name == "edges" and _is_connection(parent)
        if _is_connection(kind):
            each += self._page(node) * inner.per_edge
        elif str(getattr(parent, "name", "")).startswith("__"):
            each = 1 + int(inner.cost * INTROSPECTED.get(name, 1))
        elif not is_edges and field is not None and _is_list(field.type):
            each *= PLAIN_LIST
        return Measure(
            cost=0 if is_edges else each,
            per_edge=each if is_edges else 0,
            depth=1 + inner.depth,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
        )

    def _fragment(self, name: str, level: int) -> Measure:
        if name in self._measured:
            return self._measured[name]
        node = self._fragments.get(name)
        if node is None:
            return NOTHING
        self._measured[name] = NOTHING  # a circle ends here; validation names it
        kind = self._schema.get_type(node.type_condition.name.value)
        found = self._selections(node.selection_set, kind, level + 1).plus(self._directives(node))
        self._measured[name] = found
        return found

    def _directives(self, node: Any) -> Measure:
        count = len(node.directives or ())
        most = self._limits.directives_of_field
        _check(count, most, "has {} directives in one place", "directives_of_field")
        return Measure(directives=count)

    def _page(self, node: FieldNode) -> int:
        """How long a page may be; what is no number there fails later."""
        for argument in node.arguments or ():
            if argument.name.value not in ("first", "last"):
                continue
            value: Any = graphql.value_from_ast_untyped(argument.value, dict(self._variables))
            if isinstance(value, int):
                return min(max(value, 0), MAX_PAGE)
        return DEFAULT_PAGE


def _check(value: int, limit: int, said: str, name: str) -> None:
    if value > limit:
        fact = said.format(value if value < 10**9 else "more than 10^9")
        raise QueryTooCostly(f"The query {fact}; the limit is {limit} ({name}).")


def _variables(operation: OperationDefinitionNode, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of variables, or their defaults."""
    defaults = {
        node.variable.name.value: graphql.value_from_ast_untyped(node.default_value)
        for node in operation.variable_definitions or ()
        if node.default_value is not None
    }
    return {**defaults, **given}


def _is_connection(kind: Any) -> bool:
    return isinstance(kind, graphql.GraphQLObjectType) and kind.name.endswith("Connection")


def _is_list(kind: Any) -> bool:
    return isinstance(graphql.get_nullable_type(kind), graphql.GraphQLList)
