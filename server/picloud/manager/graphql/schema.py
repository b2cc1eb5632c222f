"""The schema, put together. `python -m picloud.manager.schema` prints it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionResult

from picloud.manager.graphql.context import Context
from picloud.manager.graphql.cost import QueryLimits
from picloud.manager.graphql.errors import HANDLERS
from picloud.manager.graphql.extensions import extensions
from picloud.manager.graphql.invitations import InvitationView
from picloud.manager.graphql.masks import Masks
from picloud.manager.graphql.mutation import Mutation
from picloud.manager.graphql.people import ClusterNodeView, UserView
from picloud.manager.graphql.query import Query
from picloud.manager.graphql.records import InvocationView
from picloud.manager.graphql.scripts import AppView, ScriptView
from picloud.manager.graphql.sessions import SessionView
from picloud.manager.graphql.subscription import Subscription
from picloud.manager.graphql.tokens import TokenView
from picloud.manager.graphql.versions import DeploymentView, VersionView

QUERY_TIMEOUT_MS = 30_000


class Schema(strawberry.Schema):
    """Nothing leaves it that has not been through the masks, whatever raised it."""

    def __init__(self, *, limits: QueryLimits, timeout_ms: int, **parts: Any) -> None:
        super().__init__(extensions=extensions(limits, timeout_ms=timeout_ms), **parts)
        self._masks = Masks(limits)

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any = None,
        *args: Any,
        **more: Any,
    ) -> ExecutionResult:
        """One result."""
        result = await super().execute(query, variable_values, context_value, *args, **more)
        return self._masked(result, context_value)

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any = None,
        *args: Any,
        **more: Any,
    ) -> AsyncGenerator[ExecutionResult, None]:
        """The results of a subscription, or the one of another operation."""
        source = await super().stream(query, variable_values, context_value, *args, **more)
        return self._stream_masked(source, context_value)

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: an error is logged where it gets its incident id, and only there."""

    async def _stream_masked(
        self, source: Any, context: Context
    ) -> AsyncGenerator[ExecutionResult, None]:
        async with aclosing(source):
            async for result in source:
                yield self._masked(result, context)

    def _masked(self, result: ExecutionResult, context: Context) -> ExecutionResult:
        if result.errors:
            result.errors = self._masks.show(result.errors, anonymous=context.actor is None)
        return result


def make_schema(limits: QueryLimits | None = None, *, timeout_ms: int = QUERY_TIMEOUT_MS) -> Schema:
    """Build the schema."""
    return Schema(
        limits=limits or QueryLimits(),
        timeout_ms=timeout_ms,
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[
            UserView,
            SessionView,
            InvitationView,
            AppView,
            ScriptView,
            VersionView,
            DeploymentView,
            InvocationView,
            ClusterNodeView,
            TokenView,
        ],
        exception_handlers=HANDLERS,
        config=StrawberryConfig(disable_field_suggestions=True),
    )
