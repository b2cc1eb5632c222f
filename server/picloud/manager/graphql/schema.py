"""The schema, put together. `python -m picloud.manager.schema` prints it."""

from __future__ import annotations

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from picloud.manager.graphql.errors import HANDLERS
from picloud.manager.graphql.extensions import EXTENSIONS
from picloud.manager.graphql.invitations import InvitationView
from picloud.manager.graphql.mutation import Mutation
from picloud.manager.graphql.people import ClusterNodeView, UserView
from picloud.manager.graphql.query import Query
from picloud.manager.graphql.records import InvocationView
from picloud.manager.graphql.scripts import AppView, ScriptView
from picloud.manager.graphql.sessions import SessionView
from picloud.manager.graphql.subscription import Subscription
from picloud.manager.graphql.tokens import TokenView
from picloud.manager.graphql.versions import DeploymentView, VersionView


class Schema(strawberry.Schema):
    """Errors are logged where they get their incident id, and only there."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Nothing: see `extensions.Errors`."""


def make_schema() -> Schema:
    """Build the schema."""
    return Schema(
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
        extensions=EXTENSIONS,
        exception_handlers=HANDLERS,
        config=StrawberryConfig(disable_field_suggestions=True),
    )
