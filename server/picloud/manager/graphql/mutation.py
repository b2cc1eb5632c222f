"""What can be done. A resolver calls one use case; failures are mapped in `errors`."""

from __future__ import annotations

from typing import Annotated

import strawberry

from picloud.manager.graphql import fields
from picloud.manager.graphql.account_mutation import AccountMutation
from picloud.manager.graphql.apps_mutation import AppsMutation
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.deployment_mutation import DeploymentMutation
from picloud.manager.graphql.environment_mutation import EnvironmentMutation
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NameTakenError,
    PermissionDeniedError,
    QuotaExceededError,
)
from picloud.manager.graphql.members_mutation import MembersMutation
from picloud.manager.graphql.people_mutation import PeopleMutation
from picloud.manager.graphql.route_mutation import RouteMutation
from picloud.manager.graphql.scripts import AppView
from picloud.manager.graphql.token_mutation import TokenMutation


@strawberry.input(description="A new app.")
class AppCreateInput:
    """What it is to be."""

    name: str = strawberry.field(
        description="A DNS label: lower-case letters, digits and dashes, starting with a letter."
    )


@strawberry.type(description="The app is there.")
class AppCreateSuccess:
    """A new app."""

    app: AppView = strawberry.field(description="The app; you are its owner.")


AppCreatePayload = Annotated[
    AppCreateSuccess
    | NameTakenError
    | InvalidInputError
    | PermissionDeniedError
    | QuotaExceededError,
    strawberry.union("AppCreatePayload", description="What came of creating an app."),
]


@strawberry.type(description="What can be done.")
class Mutation(
    AccountMutation,
    PeopleMutation,
    DeploymentMutation,
    AppsMutation,
    MembersMutation,
    EnvironmentMutation,
    RouteMutation,
    TokenMutation,
):
    """One field for each thing somebody does."""

    @fields.mutation(description="Create an app. You become its owner.")
    async def app_create(
        self,
        info: Info,
        input: Annotated[AppCreateInput, strawberry.argument(description="The app.")],
    ) -> AppCreatePayload:
        """Create an app."""
        app = await info.context.services.apps.create(info.context.require_actor(), name=input.name)
        return AppCreateSuccess(app=AppView(app=app))
