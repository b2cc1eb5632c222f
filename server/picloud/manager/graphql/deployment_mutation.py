"""Deploying, and choosing which version of a script serves."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, TypedDict

import strawberry

from picloud.domain import limits
from picloud.domain.deployment import Share
from picloud.domain.failures import FieldFault, InvalidInput
from picloud.manager.deployments import Choice, Chosen
from picloud.manager.deploys import Upload
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import VersionIsolation
from picloud.manager.graphql.errors import (
    InvalidInputError,
    NodeUnavailableError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    SourceRejectedError,
)
from picloud.manager.graphql.limits import LimitsInput
from picloud.manager.graphql.scripts import ScriptView
from picloud.manager.graphql.versions import DeploymentView, VersionView

_APP = "The app's name."
_SCRIPT = "The script's name."
_MESSAGE = "What the history says about it, at most 1000 characters."
_UNCHANGED = "Whether it was so already: then nothing was recorded, and this is what serves."


class _Chosen(TypedDict):
    script: ScriptView
    deployment: DeploymentView
    unchanged: bool


@strawberry.input(description="One file of a source; give `text` or `base64`.")
class SourceFileInput:
    """A file."""

    path: str = strawberry.field(
        description="Its path below the script's directory, with slashes: `lib/util.py`."
    )
    text: str | None = strawberry.field(default=None, description="What is in it, if it is text.")
    base64: str | None = strawberry.field(
        default=None, description="What is in it, as base64, if it is not."
    )


@strawberry.input(description="A source to deploy: `source`, or `files`.")
class ScriptDeployInput:
    """Where to and what."""

    app: str = strawberry.field(description=_APP)
    name: str = strawberry.field(
        description="The script's name, a DNS label; the first deploy creates the script."
    )
    source: str | None = strawberry.field(
        default=None, description="The Python source, if it is a single file."
    )
    files: list[SourceFileInput] | None = strawberry.field(
        default=None, description="All files of the source, if there are several."
    )
    filename: str | None = strawberry.field(
        default=None,
        description="What tracebacks call a single file, `{name}.py` unless told; of several "
        "files the one that is run, `main.py` unless told.",
    )
    message: str | None = strawberry.field(default=None, description=_MESSAGE)
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
    activate: bool = strawberry.field(
        default=True, description="Whether it is to serve; else it only waits to be promoted."
    )
    force: bool = strawberry.field(
        default=False, description="Make a new version even of what is there already."
    )


@strawberry.type(description="The source is a version, which serves unless told otherwise.")
class ScriptDeploySuccess:
    """What the deploy made."""

    script: ScriptView = strawberry.field(description="The script.")
    version: VersionView = strawberry.field(description="The version with this source.")
    deployment: DeploymentView | None = strawberry.field(
        description="The record of this deploy, or of the earlier one if nothing changed; null if "
        "the version was not to serve."
    )
    created: bool = strawberry.field(description="Whether the script is new.")
    new_version: bool = strawberry.field(description="Whether the version is new.")
    unchanged: bool = strawberry.field(
        description="Whether all of it was there already, source and settings: then nothing was "
        "stored."
    )


@strawberry.input(description="Which version is to serve again.")
class ScriptRollbackInput:
    """Of which script."""

    app: str = strawberry.field(description=_APP)
    name: str = strawberry.field(description=_SCRIPT)
    to: int | None = strawberry.field(
        default=None, description="The version's number; left out: the one that served before."
    )
    message: str | None = strawberry.field(default=None, description=_MESSAGE)


@strawberry.input(description="Which version is to get all requests.")
class ScriptPromoteInput:
    """Of which script."""

    app: str = strawberry.field(description=_APP)
    name: str = strawberry.field(description=_SCRIPT)
    number: int = strawberry.field(description="The version's number.")
    message: str | None = strawberry.field(default=None, description=_MESSAGE)


@strawberry.input(description="A version and how many of a hundred requests it is to get.")
class TargetInput:
    """A share."""

    number: int = strawberry.field(description="The version's number.")
    weight: int = strawberry.field(description="From 1 to 99; all weights add up to 100.")


@strawberry.input(description="How the requests of a script are to be shared.")
class ScriptSplitInput:
    """Of which script."""

    app: str = strawberry.field(description=_APP)
    name: str = strawberry.field(description=_SCRIPT)
    targets: list[TargetInput] = strawberry.field(description="Two to ten versions.")
    message: str | None = strawberry.field(default=None, description=_MESSAGE)


@strawberry.type(description="The earlier version serves again.")
class ScriptRollbackSuccess:
    """What serves now."""

    script: ScriptView = strawberry.field(description="The script.")
    deployment: DeploymentView = strawberry.field(description="What serves now.")
    unchanged: bool = strawberry.field(description=_UNCHANGED)


@strawberry.type(description="The version gets all requests.")
class ScriptPromoteSuccess:
    """What serves now."""

    script: ScriptView = strawberry.field(description="The script.")
    deployment: DeploymentView = strawberry.field(description="What serves now.")
    unchanged: bool = strawberry.field(description=_UNCHANGED)


@strawberry.type(description="The requests are shared.")
class ScriptSplitSuccess:
    """What serves now."""

    script: ScriptView = strawberry.field(description="The script.")
    deployment: DeploymentView = strawberry.field(description="What serves now.")
    unchanged: bool = strawberry.field(description=_UNCHANGED)


ScriptDeployPayload = Annotated[
    ScriptDeploySuccess
    | NotFoundError
    | PermissionDeniedError
    | InvalidInputError
    | QuotaExceededError
    | SourceRejectedError
    | NodeUnavailableError,
    strawberry.union("ScriptDeployPayload", description="What came of a deploy."),
]
ScriptRollbackPayload = Annotated[
    ScriptRollbackSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("ScriptRollbackPayload", description="What came of rolling back."),
]
ScriptPromotePayload = Annotated[
    ScriptPromoteSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("ScriptPromotePayload", description="What came of promoting a version."),
]
ScriptSplitPayload = Annotated[
    ScriptSplitSuccess | NotFoundError | PermissionDeniedError | InvalidInputError,
    strawberry.union("ScriptSplitPayload", description="What came of sharing the requests."),
]


@strawberry.type
class DeploymentMutation:
    """One field for each way in which another version comes to serve."""

    @fields.mutation(
        description="Make a source the next version of a script and let it serve. Whatever fails, "
        "the version that served goes on serving. What serves already is not stored again."
    )
    async def script_deploy(
        self,
        info: Info,
        input: Annotated[ScriptDeployInput, strawberry.argument(description="The source.")],
    ) -> ScriptDeployPayload:
        """Deploy."""
        actor = info.context.require_actor()
        deployed = await info.context.services.deploys.deploy(actor, _upload(input))
        deployment = deployed.deployment
        return ScriptDeploySuccess(
            script=ScriptView.of(deployed.script),
            version=VersionView.of(deployed.version),
            deployment=DeploymentView.of(deployment) if deployment else None,
            created=deployed.created,
            new_version=deployed.new_version,
            unchanged=deployed.unchanged,
        )

    @fields.mutation(
        description="Let an earlier version of a script serve again. That is a new deployment: the "
        "history keeps both. Rolling back twice is where one began."
    )
    async def script_rollback(
        self,
        info: Info,
        input: Annotated[ScriptRollbackInput, strawberry.argument(description="Which version.")],
    ) -> ScriptRollbackPayload:
        """Roll back."""
        actor, choice = info.context.require_actor(), _choice(input)
        chosen = await info.context.services.deployments.roll_back(actor, choice, to=input.to)
        return ScriptRollbackSuccess(**_chosen(chosen))

    @fields.mutation(description="Let an existing version of a script get all requests.")
    async def script_promote(
        self,
        info: Info,
        input: Annotated[ScriptPromoteInput, strawberry.argument(description="Which version.")],
    ) -> ScriptPromotePayload:
        """Promote."""
        actor, choice = info.context.require_actor(), _choice(input)
        chosen = await info.context.services.deployments.promote(actor, choice, number=input.number)
        return ScriptPromoteSuccess(**_chosen(chosen))

    @fields.mutation(description="Share the requests of a script among versions, by weight.")
    async def script_split(
        self,
        info: Info,
        input: Annotated[ScriptSplitInput, strawberry.argument(description="The shares.")],
    ) -> ScriptSplitPayload:
        """Split."""
        actor, choice = info.context.require_actor(), _choice(input)
        shares = [Share(target.number, target.weight) for target in input.targets]
        chosen = await info.context.services.deployments.split(actor, choice, shares)
        return ScriptSplitSuccess(**_chosen(chosen))


def _upload(input: ScriptDeployInput) -> Upload:
    return Upload(
        app=input.app,
        name=input.name,
        text=input.source,
        files=_files(input.files or ()),
        filename=input.filename,
        message=input.message,
        limits=input.limits.given() if input.limits else {},
        isolation=limits.Isolation[input.isolation.name] if input.isolation else None,
        reset_limits=input.reset_limits,
        activate=input.activate,
        force=input.force,
    )


def _files(inputs: Sequence[SourceFileInput]) -> list[tuple[str, bytes]]:
    """The files as bytes; raises `InvalidInput` with every one that is not readable."""
    files, faults = [], []
    for number, each in enumerate(inputs):
        try:
            files.append((each.path, _content(each)))
        except ValueError as exc:
            faults.append(FieldFault(f"files.{number}", str(exc)))
    if faults:
        raise InvalidInput(*faults[:20])
    return files


def _content(file: SourceFileInput) -> bytes:
    if (file.text is None) == (file.base64 is None):
        raise ValueError("must have text or base64, and not both")
    try:
        if file.text is not None:
            return file.text.encode()
        return base64.b64decode(file.base64 or "", validate=True)
    except UnicodeEncodeError:
        raise ValueError("has text that is not valid UTF-8") from None
    except ValueError:
        raise ValueError("has base64 that is not valid") from None


def _choice(input: ScriptRollbackInput | ScriptPromoteInput | ScriptSplitInput) -> Choice:
    return Choice(app=input.app, script=input.name, message=input.message)


def _chosen(chosen: Chosen) -> _Chosen:
    return {
        "script": ScriptView.of(chosen.script),
        "deployment": DeploymentView.of(chosen.deployment),
        "unchanged": chosen.unchanged,
    }
