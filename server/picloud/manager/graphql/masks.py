"""What an error may tell: a code for each, and nothing of the inside."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from graphql import GraphQLError, GraphQLSyntaxError, Lexer, Source, TokenKind

from picloud.errors import Expected
from picloud.manager.graphql.cost import QueryLimits, QueryTooCostly

logger = logging.getLogger(__name__)


class Masks:
    """Gives every top-level error a code, and keeps what is inside inside.

    An exception nobody expected becomes `internal` with an incident id; the log has the rest under
    that id. Who has no session is not told why a query is not valid.
    """

    def __init__(self, limits: QueryLimits) -> None:
        self._limits = limits

    def show(self, errors: Sequence[GraphQLError], *, anonymous: bool) -> list[GraphQLError]:
        """What the client gets to see of errors."""
        if anonymous and any(_is_about_the_query(error) for error in errors):
            return [_log_in_first()]
        return [self._show(error) for error in errors]

    def _show(self, error: GraphQLError) -> GraphQLError:
        if isinstance(cause := self._cause(error), Expected):
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

    def _cause(self, error: GraphQLError) -> BaseException | None:
        cause = _original(error)
        if error.path is None and isinstance(cause, RecursionError):
            limit = f"the limit is {self._limits.max_query_depth} (max_query_depth)"
            return QueryTooCostly(f"The query is nested too deep; {limit}.")
        if isinstance(error, GraphQLSyntaxError) and self._too_many_tokens(error.source):
            tokens = self._limits.tokens
            return QueryTooCostly(f"The query is too long; the limit is {tokens} tokens (tokens).")
        return cause

    def _too_many_tokens(self, source: Source | None) -> bool:
        """Whether the parser gave up for that: counted again, for its message is for people."""
        if source is None:
            return False
        lexer = Lexer(source)
        try:
            for _ in range(self._limits.tokens + 1):
                if lexer.advance().kind is TokenKind.EOF:
                    return False
        except GraphQLSyntaxError:
            return False
        return True


def _original(error: GraphQLError) -> BaseException | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _is_about_the_query(error: GraphQLError) -> bool:
    return error.path is None and isinstance(
        _original(error), QueryTooCostly | RecursionError | None
    )


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
