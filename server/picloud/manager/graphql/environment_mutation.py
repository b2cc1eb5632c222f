"""Changing what an app gives to its scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from picloud.domain.app import App
from picloud.domain.environment import NamedValue
from picloud.manager.environment import Environment
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import EgressMode
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    SecretsUnreadableError,
)
from picloud.manager.graphql.scripts import AppView


@strawberry.input(description="A name and the value it is to have.")
class NamedValueInput:
    """One of several."""

    name: str = strawberry.field(
        description="Upper-case letters, digits and underscores, not beginning with a digit; at "
        "most 64 characters."
    )
    value: str = strawberry.field(description="The value, at most 32768 bytes.")


def _script() -> Any:
    return strawberry.field(
        default=None,
        description="The name of the one script they are for, where they win over the app's; left "
        "out: for all scripts of the app.",
    )


@strawberry.input(description="Env variables to set, all of them or none.")
class EnvSetInput:
    """Of which app, and what."""

    app: str = strawberry.field(description="The app's name.")
    variables: list[NamedValueInput] = strawberry.field(description="Names and values.")
    script: str | None = _script()


@strawberry.input(description="Env variables to forget, all of them or none.")
class EnvUnsetInput:
    """Of which app, and which."""

    app: str = strawberry.field(description="The app's name.")
    names: list[str] = strawberry.field(description="The variables' names.")
    script: str | None = _script()


@strawberry.input(description="Secrets to set, all of them or none.")
class SecretSetInput:
    """Of which app, and what."""

    app: str = strawberry.field(description="The app's name.")
    secrets: list[NamedValueInput] = strawberry.field(description="Names and values.")
    script: str | None = _script()


@strawberry.input(description="Secrets to forget, all of them or none.")
class SecretUnsetInput:
    """Of which app, and which."""

    app: str = strawberry.field(description="The app's name.")
    names: list[str] = strawberry.field(description="The secrets' names.")
    script: str | None = _script()


@strawberry.input(description="An egress policy; it replaces the one before.")
class AppEgressSetInput:
    """Of which app, and what."""

    app: str = strawberry.field(description="The app's name.")
    mode: EgressMode = strawberry.field(description="How far the app's scripts reach.")
    allow: list[str] = strawberry.field(
        default_factory=list,
        description="For the mode `ALLOW_LIST`: `api.example.com`, `*.example.com:8443`, "
        "`[2001:db8::1]:80`. Without a port: those of http and https.",
    )


@strawberry.type(description="The env variables are set.")
class EnvSetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


@strawberry.type(description="The env variables are gone.")
class EnvUnsetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


@strawberry.type(description="The secrets are set.")
class SecretSetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


@strawberry.type(description="The secrets are gone.")
class SecretUnsetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


@strawberry.type(description="The policy holds.")
class AppEgressSetSuccess:
    """What became of it."""

    app: AppView = strawberry.field(description="The app.")


EnvSetPayload = Annotated[
    EnvSetSuccess | NotFoundError | PermissionDeniedError | InvalidInputError | QuotaExceededError,
    strawberry.union("EnvSetPayload", description="What came of setting env variables."),
]
EnvUnsetPayload = Annotated[
    EnvUnsetSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("EnvUnsetPayload", description="What came of forgetting env variables."),
]
SecretSetPayload = Annotated[
    SecretSetSuccess
    | NotFoundError
    | PermissionDeniedError
    | InvalidInputError
    | QuotaExceededError
    | SecretsUnreadableError,
    strawberry.union("SecretSetPayload", description="What came of setting secrets."),
]
SecretUnsetPayload = Annotated[
    SecretUnsetSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("SecretUnsetPayload", description="What came of forgetting secrets."),
]
AppEgressSetPayload = Annotated[
    AppEgressSetSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("AppEgressSetPayload", description="What came of setting a policy."),
]


@strawberry.type
class EnvironmentMutation:
    """One field for each change."""

    @fields.mutation(
        description="Set env variables of an app or a script. The app's sandboxes are "
        "replaced within 5 seconds."
    )
    async def env_set(
        self,
        info: Info,
        input: Annotated[EnvSetInput, strawberry.argument(description="The variables.")],
    ) -> EnvSetPayload:
        """Set variables."""
        actor = info.context.require_actor()
        app = await _environment(info).set_env(
            actor, input.app, _values(input.variables), script=input.script
        )
        return EnvSetSuccess(app=_view(app))

    @fields.mutation(
        description="Forget env variables of an app or a script. The app's sandboxes are "
        "replaced within 5 seconds."
    )
    async def env_unset(
        self,
        info: Info,
        input: Annotated[EnvUnsetInput, strawberry.argument(description="The variables.")],
    ) -> EnvUnsetPayload:
        """Forget variables."""
        actor = info.context.require_actor()
        app = await _environment(info).unset_env(actor, input.app, input.names, script=input.script)
        return EnvUnsetSuccess(app=_view(app))

    @fields.mutation(
        description="Set secrets of an app or a script. The app's sandboxes are "
        "replaced within 5 seconds."
    )
    async def secret_set(
        self,
        info: Info,
        input: Annotated[SecretSetInput, strawberry.argument(description="The secrets.")],
    ) -> SecretSetPayload:
        """Set secrets."""
        actor = info.context.require_actor()
        app = await _environment(info).set_secrets(
            actor, input.app, _values(input.secrets), script=input.script
        )
        return SecretSetSuccess(app=_view(app))

    @fields.mutation(
        description="Forget secrets of an app or a script. The app's sandboxes are "
        "replaced within 5 seconds."
    )
    async def secret_unset(
        self,
        info: Info,
        input: Annotated[SecretUnsetInput, strawberry.argument(description="The secrets.")],
    ) -> SecretUnsetPayload:
        """Forget secrets."""
        actor = info.context.require_actor()
        app = await _environment(info).unset_secrets(
            actor, input.app, input.names, script=input.script
        )
        return SecretUnsetSuccess(app=_view(app))

    @fields.mutation(
        description="Say where the scripts of an app may connect to. It holds within 5 seconds."
    )
    async def app_egress_set(
        self,
        info: Info,
        input: Annotated[AppEgressSetInput, strawberry.argument(description="The policy.")],
    ) -> AppEgressSetPayload:
        """Set the policy."""
        actor = info.context.require_actor()
        app = await _environment(info).set_egress(
            actor, input.app, mode=input.mode.name.lower(), allow=input.allow
        )
        return AppEgressSetSuccess(app=_view(app))


def _environment(info: Info) -> Environment:
    return info.context.services.environment


def _values(inputs: Sequence[NamedValueInput]) -> list[NamedValue]:
    return [NamedValue(each.name, each.value) for each in inputs]


def _view(app: App) -> AppView:
    return AppView(app=app)
