"""What surrounds every operation: who asks, how much may be asked, and what an error may tell."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from typing import Final

from graphql import GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import (
    MaskErrors,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)

from picloud.errors import Expected
from picloud.manager.graphql.context import Context

logger = logging.getLogger(__name__)

MAX_DEPTH: Final = 12
MAX_ALIASES: Final = 15
MAX_TOKENS: Final = 2_000


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


class Errors(MaskErrors):
    """Gives every top-level error a code, and keeps what is inside inside.

    An exception nobody expected becomes `internal` with an incident id; the log has the rest under
    that id. Who has no session is not told why a query is not valid.
    """

    def _process_errors(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        context = self.execution_context.context
        anonymous = isinstance(context, Context) and context.actor is None
        if anonymous and any(_is_about_the_query(error) for error in errors):
            return [_log_in_first()]
        return [show(error) for error in errors]


def show(error: GraphQLError) -> GraphQLError:
    """What the client gets to see of an error."""
    cause = _cause(error)
    if isinstance(cause, Expected):
        return _with_code(error, cause.code, cause.message)
    if cause is None:
        return _with_code(error, "bad_request", error.message)
    incident = secrets.token_hex(8)
    logger.error(
        "unexpected error in a resolver",
        extra={"incident": incident, "path": error.path},
        exc_info=cause,
    )
    message = f"Something went wrong on our side. The log has it as incident {incident}."
    return _with_code(error, "internal", message, incident=incident)


def _cause(error: GraphQLError) -> BaseException | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _is_about_the_query(error: GraphQLError) -> bool:
    return error.path is None and _cause(error) is None


def _log_in_first() -> GraphQLError:
    return GraphQLError(
        "Log in first: send the token of a session, or an API token. The query is not valid "
        "without one.",
        extensions={"code": "unauthenticated"},
    )


def _with_code(error: GraphQLError, code: str, message: str, **more: str) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code, **more},
    )


EXTENSIONS: Final = (
    Errors,
    Identify,
    lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
    lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
    lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
)
