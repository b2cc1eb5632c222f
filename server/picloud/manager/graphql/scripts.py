"""Apps, scripts, versions, deployments and routes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from picloud.domain.failures import NotFound
from picloud.domain.script import Script
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.app_fields import AppFields
from picloud.manager.graphql.audit import AuditEntryView, Where, audit_entries_of
from picloud.manager.graphql.connection import (
    After,
    Before,
    First,
    KeysetConnection,
    Last,
    LiveConnection,
    connect,
    page_request,
)
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.environment import (
    EgressView,
    EnvVariableView,
    SecretView,
    env_variables_of,
    secrets_of,
)
from picloud.manager.graphql.nodes import Node
from picloud.manager.graphql.records import (
    InvocationView,
    Level,
    LogRecordView,
    invocations_of,
    log_records_of,
)
from picloud.manager.graphql.routes import RateLimitView, RouteView
from picloud.manager.graphql.tokens import TokenView, connect_tokens
from picloud.manager.graphql.versions import (
    ComparisonView,
    DeploymentView,
    VersionCountView,
    VersionNumber,
    VersionView,
    deployments_of,
)
from picloud.manager.reading import COUNTED


@strawberry.type(name="App", description="The tenant: owns scripts, routes and members.")
class AppView(AppFields, Node):
    """An app."""

    @fields.field(description="The app's name, also its host name: `{name}.localhost`.")
    def name(self) -> str:
        """A DNS label."""
        return self.app.name

    @fields.field(description="Where the app answers.")
    def url(self, info: Info) -> str:
        """The path form."""
        return info.context.services.urls.app(self.app.name)

    @fields.field(description="When the app was created.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.app.created_at

    @fields.field(description="The app's scripts, by name.")
    async def scripts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[ScriptView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_scripts(self.app, request)
        return connect(page, cursors.BY_NAME, key=lambda script: script.name, view=ScriptView.of)

    @fields.field(description="The routes of all scripts, oldest first.")
    async def routes(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[RouteView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_routes(self.app, request)
        return connect(page, cursors.BY_ID, key=lambda route: route.id, view=RouteView.of)

    @fields.field(description="How often all routes together may be called; empty: no limit.")
    async def rate_limits(self, info: Info) -> list[RateLimitView]:
        """The limits."""
        limits = await info.context.reading.rate_limits(self.app)
        return [RateLimitView(limit=limit) for limit in limits]

    @fields.field(description="What all scripts read as `pic.env`, by name.")
    async def env_variables(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[EnvVariableView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        return await env_variables_of(info, self.app, request)

    @fields.field(description="What all scripts read as `pic.secrets`, by name; never values.")
    async def secrets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[SecretView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        return await secrets_of(info, self.app, request)

    @fields.field(description="Where the app's scripts may connect to.")
    async def egress(self, info: Info) -> EgressView:
        """The policy."""
        return EgressView.of(await info.context.reading.egress(self.app))

    @fields.field(description="Everybody's API tokens that are for this app only, oldest first.")
    async def tokens(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[TokenView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        return connect_tokens(await info.context.reading.list_app_tokens(self.app, request))

    @fields.field(description="What the audit log has about this app, oldest first.")
    async def audit_entries(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        where: Where = None,
    ) -> KeysetConnection[AuditEntryView]:
        """A page of it."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        return await audit_entries_of(info, self.app, request, where)

    @fields.field(description="Finished invocations of all scripts, oldest first.")
    async def invocations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> LiveConnection[InvocationView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        return await invocations_of(info, self.app, request)

    @fields.field(description="Log records of all scripts, oldest first.")
    async def log_records(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        level: Level = None,
    ) -> LiveConnection[LogRecordView]:
        """A page of them."""
        request = page_request(cursors.BY_TIME, first=first, last=last, after=after, before=before)
        return await log_records_of(info, self.app, request, level)


@strawberry.type(name="Script", description="A named unit of an app that can be invoked.")
class ScriptView(Node):
    """A script."""

    script: strawberry.Private[Script]

    @classmethod
    def of(cls, script: Script) -> ScriptView:
        """The view of a script."""
        return cls(script=script)

    def key(self) -> UUID:
        """The script's id."""
        return self.script.id

    @fields.field(description="The script's name, unique within its app.")
    def name(self) -> str:
        """A DNS label."""
        return self.script.name

    @fields.field(description="The app it belongs to.")
    async def app(self, info: Info) -> AppView:
        """The app."""
        app = await info.context.reading.app(self.script.app_id)
        if app is None:
            raise NotFound(kind="app")
        return AppView(app=app)

    @fields.field(description="Where the script answers: its first route.")
    async def url(self, info: Info) -> str | None:
        """Null when no route leads here."""
        routes = await info.context.reading.routes(self.script)
        app = await info.context.reading.app(self.script.app_id)
        if not routes or app is None:
            return None
        return info.context.services.urls.route(app.name, routes[0].pattern)

    @fields.field(description="When the script was created.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.script.created_at

    @fields.field(
        description="The version that serves, of several the one that most requests get; null "
        "before the first deployment."
    )
    async def active_version(self, info: Info) -> VersionView | None:
        """What answers now."""
        version = await info.context.reading.active_version(self.script)
        return VersionView.of(version) if version else None

    @fields.field(
        description="The invocation that ended last; null when there is none, or for who may not "
        "see invocations."
    )
    async def last_invocation(self, info: Info) -> InvocationView | None:
        """The newest."""
        invocation = await info.context.reading.last_invocation(self.script)
        return InvocationView.of(invocation) if invocation else None

    @fields.field(description="The routes that lead to the script.")
    async def routes(self, info: Info) -> list[RouteView]:
        """All of them."""
        routes = await info.context.reading.routes(self.script)
        return [RouteView.of(route) for route in routes]

    @fields.field(description="The script's versions, by number.")
    async def versions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[VersionView]:
        """A page of them."""
        request = page_request(
            cursors.BY_NUMBER, first=first, last=last, after=after, before=before
        )
        page = await info.context.reading.list_versions(self.script, request)
        return connect(
            page, cursors.BY_NUMBER, key=lambda version: version.number, view=VersionView.of
        )

    @fields.field(description="What serves and since when; null before the first deployment.")
    async def active_deployment(self, info: Info) -> DeploymentView | None:
        """How requests are shared now."""
        deployment = await info.context.reading.active_deployment(self.script)
        return DeploymentView.of(deployment) if deployment else None

    @fields.field(description="The history of what served the script, oldest first.")
    async def deployments(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> LiveConnection[DeploymentView]:
        """A page of it."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        return await deployments_of(info, self.script, request)

    @fields.field(
        description=f"How the newest invocations, at most {COUNTED}, fell on the versions."
    )
    async def version_counts(self, info: Info) -> list[VersionCountView]:
        """By number; versions without any are left out."""
        counts = await info.context.reading.version_counts(self.script)
        return [VersionCountView(version_=version, count=count) for version, count in counts]

    @fields.field(
        description="How two versions differ; null if one of them does not exist. Needs the "
        "permission to read sources."
    )
    async def comparison(
        self, info: Info, before: VersionNumber, after: VersionNumber
    ) -> ComparisonView | None:
        """Their files and settings."""
        found = await info.context.reading.compare(self.script, before, after)
        return ComparisonView.of(found) if found else None

    @fields.field(description="What this script alone reads as `pic.env`; it wins over the app's.")
    async def env_variables(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[EnvVariableView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        return await env_variables_of(info, self.script, request)

    @fields.field(
        description="What this script alone reads as `pic.secrets`; it wins over the app's."
    )
    async def secrets(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[SecretView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        return await secrets_of(info, self.script, request)

    @fields.field(description="Finished invocations of this script, oldest first.")
    async def invocations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> LiveConnection[InvocationView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        return await invocations_of(info, self.script, request)

    @fields.field(description="Log records of this script, oldest first.")
    async def log_records(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        level: Level = None,
    ) -> LiveConnection[LogRecordView]:
        """A page of them."""
        request = page_request(cursors.BY_TIME, first=first, last=last, after=after, before=before)
        return await log_records_of(info, self.script, request, level)


async def script_of(info: Info, script_id: UUID) -> ScriptView:
    """The script of something that has been read."""
    script = await info.context.reading.script(script_id)
    if script is None:
        raise NotFound(kind="script")
    return ScriptView.of(script)
