"""What can be done. A resolver calls one use case; failures are mapped in `errors`."""

from __future__ import annotations

from typing import Annotated

import strawberry

from picloud.domain import limits
from picloud.manager.deploys import Upload
from picloud.manager.graphql import fields
from picloud.manager.graphql.account_mutation import AccountMutation
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import VersionIsolation
from picloud.manager.graphql.environment_mutation import EnvironmentMutation
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NameTakenError,
    NodeUnavailableError,
    NotFoundError,
    PermissionDeniedError,
    SourceRejectedError,
)
from picloud.manager.graphql.limits import LimitsInput
from picloud.manager.graphql.people_mutation import PeopleMutation
from picloud.manager.graphql.route_mutation import RouteMutation
from picloud.manager.graphql.scripts import AppView, DeploymentView, ScriptView, VersionView
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


@strawberry.input(description="A source to deploy.")
class ScriptDeployInput:
    """Where to and what."""

    app: str = strawberry.field(description="The app's name.")
    name: str = strawberry.field(
        description="The script's name, a DNS label; the first deploy creates the script."
    )
    source: str = strawberry.field(description="The Python source.")
    filename: str | None = strawberry.field(
        default=None, description="What tracebacks call it; `{name}.py` unless told."
    )
    limits: LimitsInput | None = strawberry.field(
        default=None, description="What the version may use; left out: as the one that serves."
    )
    isolation: VersionIsolation | None = strawberry.field(
        default=None,
        description="How long an interpreter lives; left out: as for the version that serves.",
    )
    reset_limits: bool = strawberry.field(
        default=False,
        description="Begin with the defaults of the instance, not with the limits and isolation "
        "of the version that serves.",
    )


@strawberry.type(description="The new version serves.")
class ScriptDeploySuccess:
    """What the deploy made."""

    script: ScriptView = strawberry.field(description="The script.")
    version: VersionView = strawberry.field(description="The new version.")
    deployment: DeploymentView = strawberry.field(description="The record of this deploy.")
    created: bool = strawberry.field(description="Whether the script is new.")


AppCreatePayload = Annotated[
    AppCreateSuccess | NameTakenError | InvalidInputError | PermissionDeniedError,
    strawberry.union("AppCreatePayload", description="What came of creating an app."),
]
ScriptDeployPayload = Annotated[
    ScriptDeploySuccess
    | NotFoundError
    | PermissionDeniedError
    | InvalidInputError
    | SourceRejectedError
    | NodeUnavailableError,
    strawberry.union("ScriptDeployPayload", description="What came of a deploy."),
]


@strawberry.type(description="What can be done.")
class Mutation(AccountMutation, PeopleMutation, EnvironmentMutation, RouteMutation, TokenMutation):
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

    @fields.mutation(
        description="Make a source the next version of a script and let it serve. Whatever fails, "
        "the version that served goes on serving."
    )
    async def script_deploy(
        self,
        info: Info,
        input: Annotated[ScriptDeployInput, strawberry.argument(description="The source.")],
    ) -> ScriptDeployPayload:
        """Deploy."""
        upload = Upload(
            app=input.app,
            name=input.name,
            source=input.source,
            filename=f"{input.name}.py" if input.filename is None else input.filename,
            limits=input.limits.given() if input.limits else {},
            isolation=limits.Isolation[input.isolation.name] if input.isolation else None,
            reset_limits=input.reset_limits,
        )
        deployed = await info.context.services.deploys.deploy(info.context.require_actor(), upload)
        return ScriptDeploySuccess(
            script=ScriptView.of(deployed.script),
            version=VersionView.of(deployed.version),
            deployment=DeploymentView.of(deployed.deployment),
            created=deployed.created,
        )
