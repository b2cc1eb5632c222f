"""What can be followed. Every item carries the cursor to go on from after a reconnect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated
from uuid import UUID

import strawberry

from picloud.domain.app import Permission
from picloud.domain.deployment import Deployment
from picloud.domain.failures import FieldFault, InvalidInput
from picloud.domain.invocation import Invocation
from picloud.domain.log_record import LogRecord
from picloud.domain.script import Script
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.query import AppName
from picloud.manager.graphql.records import InvocationView, Level, LogRecordView, threshold
from picloud.manager.graphql.versions import DeploymentView
from picloud.manager.subscription import Wanted

OnlyScript = Annotated[str | None, strawberry.argument(description="Only this script of the app.")]
OnlyInvocation = Annotated[
    str | None, strawberry.argument(description="Only the invocation with this UUID.")
]
From = Annotated[
    str | None,
    strawberry.argument(
        description="Go on after this: a `liveCursor`, or the `cursor` of the last item that was "
        "seen. Without it: from now on."
    ),
]


def _lagged() -> bool:
    field: bool = strawberry.field(
        description="Whether you were too slow: more waited for you than is kept for a reader. "
        "Nothing is lost; what follows is read again from the database until you have caught up."
    )
    return field


@strawberry.type(description="A log record was written.")
class LogRecordAppended:
    """One item of the tail."""

    cursor: str = strawberry.field(description="Go on from here after a reconnect.")
    log_record: LogRecordView = strawberry.field(description="The record.")
    lagged: bool = _lagged()


@strawberry.type(description="An invocation ended.")
class InvocationFinished:
    """One item of the tail."""

    cursor: str = strawberry.field(description="Go on from here after a reconnect.")
    invocation: InvocationView = strawberry.field(description="The invocation.")
    lagged: bool = _lagged()


@strawberry.type(description="Other versions began to serve a script.")
class DeploymentActivated:
    """One item of the tail."""

    cursor: str = strawberry.field(description="Go on from here after a reconnect.")
    deployment: DeploymentView = strawberry.field(description="The record of it.")
    lagged: bool = _lagged()


@strawberry.type(description="What can be followed.")
class Subscription:
    """Tails: nothing is lost or repeated between a cursor and what comes after it."""

    @fields.subscription(description="The log of an app as it is written.")
    async def log_record_appended(
        self,
        info: Info,
        app: AppName,
        script: OnlyScript = None,
        level: Level = None,
        invocation: OnlyInvocation = None,
        after: From = None,
    ) -> AsyncIterator[LogRecordAppended]:
        """Follow log records."""
        actor = info.context.require_actor()
        position = cursors.LIVE_LOG.decode(after, field="after")
        only = _uuid(invocation)
        owner, followed = await info.context.reading.tail(app=app, script=script)
        wanted = Wanted(
            app_id=owner.id,
            script_id=followed.id if followed else None,
            matches=_log_filter(followed, threshold(level), only),
            actor=actor,
        )
        async with info.context.services.hub.log_records(wanted, after=position) as tail:
            async for seen in tail.records():
                info.context.refresh()
                yield LogRecordAppended(
                    cursor=cursors.LIVE_LOG.encode(seen.position),
                    log_record=LogRecordView.of(seen.record),
                    lagged=seen.lagged,
                )

    @fields.subscription(description="The invocations of an app as they end.")
    async def invocation_finished(
        self, info: Info, app: AppName, script: OnlyScript = None, after: From = None
    ) -> AsyncIterator[InvocationFinished]:
        """Follow invocations."""
        actor = info.context.require_actor()
        position = cursors.LIVE_INVOCATIONS.decode(after, field="after")
        owner, followed = await info.context.reading.tail(app=app, script=script)
        wanted = Wanted(
            app_id=owner.id,
            script_id=followed.id if followed else None,
            matches=_invocation_filter(followed),
            actor=actor,
        )
        async with info.context.services.hub.invocations(wanted, after=position) as tail:
            async for seen in tail.records():
                info.context.refresh()
                yield InvocationFinished(
                    cursor=cursors.LIVE_INVOCATIONS.encode(seen.position),
                    invocation=InvocationView.of(seen.record),
                    lagged=seen.lagged,
                )

    @fields.subscription(description="What begins to serve the scripts of an app.")
    async def deployment_activated(
        self, info: Info, app: AppName, script: OnlyScript = None, after: From = None
    ) -> AsyncIterator[DeploymentActivated]:
        """Follow deployments."""
        actor = info.context.require_actor()
        position = cursors.LIVE_DEPLOYMENTS.decode(after, field="after")
        owner, followed = await info.context.reading.tail(
            app=app, script=script, permission=Permission.APP_READ
        )
        wanted = Wanted(
            app_id=owner.id,
            script_id=followed.id if followed else None,
            matches=_deployment_filter(followed),
            actor=actor,
            permission=Permission.APP_READ,
        )
        async with info.context.services.hub.deployments(wanted, after=position) as tail:
            async for seen in tail.records():
                info.context.refresh()
                yield DeploymentActivated(
                    cursor=cursors.LIVE_DEPLOYMENTS.encode(seen.position),
                    deployment=DeploymentView.of(seen.record),
                    lagged=seen.lagged,
                )


def _log_filter(
    script: Script | None, level: int, invocation: UUID | None
) -> Callable[[LogRecord], bool]:
    def matches(record: LogRecord) -> bool:
        return (
            (script is None or record.script_id == script.id)
            and record.level >= level
            and (invocation is None or record.invocation_id == invocation)
        )

    return matches


def _invocation_filter(script: Script | None) -> Callable[[Invocation], bool]:
    return lambda invocation: script is None or invocation.script_id == script.id


def _deployment_filter(script: Script | None) -> Callable[[Deployment], bool]:
    return lambda deployment: script is None or deployment.script_id == script.id


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError as exc:
        raise InvalidInput(FieldFault("invocation", "is not a UUID")) from exc
