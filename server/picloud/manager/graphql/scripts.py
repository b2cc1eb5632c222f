"""Apps, scripts, versions, deployments and routes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from picloud.domain.app import App
from picloud.domain.failures import NotFound
from picloud.domain.script import Deployment, Script, Version
from picloud.manager.graphql import cursors, fields
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
from picloud.manager.graphql.enums import VersionIsolation
from picloud.manager.graphql.environment import (
    EgressView,
    EnvVariableView,
    SecretView,
    env_variables_of,
    secrets_of,
)
from picloud.manager.graphql.limits import LimitsView
from picloud.manager.graphql.nodes import Node
from picloud.manager.graphql.people import UserView, author_of
from picloud.manager.graphql.records import (
    InvocationView,
    Level,
    LogRecordView,
    invocations_of,
    log_records_of,
)
from picloud.manager.graphql.routes import RateLimitView, RouteView
from picloud.manager.graphql.tokens import TokenView, connect_tokens


@strawberry.type(name="App", description="The tenant: owns scripts, routes and members.")
class AppView(Node):
    """An app."""

    app: strawberry.Private[App]

    def key(self) -> UUID:
        """The app's id."""
        return self.app.id

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

    @fields.field(description="The version that serves; null before the first deployment.")
    async def active_version(self, info: Info) -> VersionView | None:
        """What answers now."""
        version = await info.context.reading.active_version(self.script)
        return VersionView.of(version) if version else None

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

    @fields.field(description="The script's deployments, oldest first.")
    async def deployments(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[DeploymentView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_deployments(self.script, request)
        return connect(
            page, cursors.BY_ID, key=lambda deployment: deployment.id, view=DeploymentView.of
        )

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


@strawberry.type(name="Version", description="One immutable state of a script.")
class VersionView(Node):
    """A version."""

    version: strawberry.Private[Version]

    @classmethod
    def of(cls, version: Version) -> VersionView:
        """The view of a version."""
        return cls(version=version)

    def key(self) -> UUID:
        """The version's id."""
        return self.version.id

    @fields.field(description="1, 2, 3 … within the script.")
    def number(self) -> int:
        """The number."""
        return self.version.number

    @fields.field(description="What identifies the source: `sha256:` and hex digits.")
    def digest(self) -> str:
        """The digest."""
        return f"sha256:{self.version.source_digest.hex()}"

    @fields.field(description="The name the source has in tracebacks.")
    def filename(self) -> str:
        """The name."""
        return self.version.filename

    @fields.field(description="The source, as it was uploaded.")
    async def source(self, info: Info) -> str:
        """The source."""
        return await info.context.reading.source(self.version)

    @fields.field(description="What the platform can call: `handler`, `app`, …")
    def entry_points(self) -> list[str]:
        """The names."""
        return list(self.version.entry_points)

    @fields.field(description="How it is called: `sync`, `async`, `generator`, `asgi`, `wsgi`.")
    def kind(self) -> str:
        """The kind."""
        return self.version.kind

    @fields.field(description="The runtime it was checked with.")
    def runtime(self) -> str:
        """The runtime."""
        return self.version.runtime

    @fields.field(description="What it may use, all limits resolved when it was deployed.")
    def limits(self) -> LimitsView:
        """The limits."""
        return LimitsView.of(self.version.limits)

    @fields.field(description="How long an interpreter of it lives.")
    def isolation(self) -> VersionIsolation:
        """The isolation."""
        return VersionIsolation[self.version.isolation.name]

    @fields.field(description="When it was deployed first.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.version.created_at

    @fields.field(description="Who deployed it first; null if that user is gone.")
    async def created_by(self, info: Info) -> UserView | None:
        """The author."""
        return await author_of(info, self.version.created_by)

    @fields.field(description="The script it is a version of.")
    async def script(self, info: Info) -> ScriptView:
        """The script."""
        return await script_of(info, self.version.script_id)


@strawberry.type(
    name="Deployment", description="The record that from then on a version serves its script."
)
class DeploymentView(Node):
    """A deployment."""

    deployment: strawberry.Private[Deployment]

    @classmethod
    def of(cls, deployment: Deployment) -> DeploymentView:
        """The view of a deployment."""
        return cls(deployment=deployment)

    def key(self) -> UUID:
        """The deployment's id."""
        return self.deployment.id

    @fields.field(description="The version that was to serve.")
    async def version(self, info: Info) -> VersionView:
        """The version."""
        version = await info.context.reading.version(self.deployment.version_id)
        if version is None:
            raise NotFound(kind="version")
        return VersionView.of(version)

    @fields.field(description="When.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.deployment.created_at

    @fields.field(description="By whom; null if that user is gone.")
    async def created_by(self, info: Info) -> UserView | None:
        """The user."""
        return await author_of(info, self.deployment.created_by)


async def script_of(info: Info, script_id: UUID) -> ScriptView:
    """The script of something that has been read."""
    script = await info.context.reading.script(script_id)
    if script is None:
        raise NotFound(kind="script")
    return ScriptView.of(script)
