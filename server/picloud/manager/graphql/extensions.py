"""What surrounds every operation: who asks, and how much and how long may be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial

from graphql import GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from picloud.errors import Expected
from picloud.manager.graphql.context import Context
from picloud.manager.graphql.cost import QueryLimits, QueryTooCostly, check_cost


class QueryTimedOut(Expected):
    """The query took too long."""

    code = "query_timeout"
    status = 504


class Identify(SchemaExtension):
    """Finds out who asks. Who has no session may log in, and can't look around."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Before anything is parsed."""
        context: Context = self.execution_context.context
        await context.identify()
        if context.actor is None:
            rules = (*self.execution_context.validation_rules, NoSchemaIntrospectionCustomRule)
            self.execution_context.validation_rules = rules
        yield


class Costs(SchemaExtension):
    """Refuses what asks for too much, before the rules of validation spend time on it."""

    def __init__(self, limits: QueryLimits) -> None:
        self._limits = limits

    def on_parse(self) -> Iterator[None]:
        """The parser stops at the first token that is too many."""
        self.execution_context.parse_options["max_tokens"] = self._limits.tokens
        yield

    def on_validate(self) -> Iterator[None]:
        """An error that is there before validation takes its place."""
        asked = self.execution_context
        document = asked.graphql_document
        try:
            if document is not None:
                check_cost(asked.schema._schema, document, asked.variables, self._limits)
        except QueryTooCostly as exc:
            asked.pre_execution_errors = [GraphQLError(exc.message, original_error=exc)]
        yield


class Deadline(SchemaExtension):
    """Ends queries and mutations that take too long; a subscription has its own end."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    async def on_execute(self) -> AsyncIterator[None]:
        """Around the resolvers."""
        if self.execution_context.operation_type is OperationType.SUBSCRIPTION:
            yield
            return
        try:
            async with asyncio.timeout(self._milliseconds / 1000):
                yield
        except TimeoutError as exc:
            raise QueryTimedOut(
                f"The query took longer than {self._milliseconds} ms (query_timeout_ms)."
            ) from exc


def extensions(
    limits: QueryLimits, *, timeout_ms: int
) -> Sequence[type[SchemaExtension] | Callable[[], SchemaExtension]]:
    """Those of the schema, the outermost first."""
    return (Identify, partial(Costs, limits), partial(Deadline, timeout_ms))
