"""Versions, their files, how two of them differ, and deployments."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from picloud.domain.comparison import Comparison, FileDiff, SettingDiff
from picloud.domain.deployment import Deployment
from picloud.domain.failures import NotFound
from picloud.domain.page import PageRequest
from picloud.domain.script import Script, Version
from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import LiveConnection, edges_of, selects
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import DeploymentKind, FileChange, VersionIsolation
from picloud.manager.graphql.limits import LimitsView
from picloud.manager.graphql.nodes import Node
from picloud.manager.graphql.people import UserView, author_of
from picloud.manager.graphql.records import live_cursor
from picloud.store.deployments import VersionCount
from picloud.store.versions import FileName

if TYPE_CHECKING:
    from picloud.manager.graphql.scripts import ScriptView

LazyScript = Annotated["ScriptView", strawberry.lazy("picloud.manager.graphql.scripts")]
VersionNumber = Annotated[int, strawberry.argument(description="A version's number.")]


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

    @fields.field(
        description="What identifies the source, all its files: `sha256:` and hex digits."
    )
    def digest(self) -> str:
        """The digest."""
        return f"sha256:{self.version.source_digest.hex()}"

    @fields.field(description="The name the source has in tracebacks.")
    def filename(self) -> str:
        """The name."""
        return self.version.filename

    @fields.field(description="The source, as it was uploaded; of several files the entry.")
    async def source(self, info: Info) -> str:
        """The source."""
        return await info.context.reading.source(self.version)

    @fields.field(description="All files of the source with the entry, by path.")
    async def files(self, info: Info) -> list[VersionFileView]:
        """One or many."""
        names = await info.context.reading.file_names(self.version)
        return [VersionFileView(version_=self.version, name=name) for name in names]

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

    @fields.field(description="What its author said about it; null: nothing.")
    def message(self) -> str | None:
        """The message."""
        return self.version.message

    @fields.field(
        description="Where this very version answers, for who sends a token with the scope "
        "`invoke`: its first route below the version's own address."
    )
    async def preview_url(self, info: Info) -> str:
        """The preview address."""
        reading = info.context.reading
        script = await reading.script(self.version.script_id)
        app = await reading.app(script.app_id) if script else None
        if script is None or app is None:
            raise NotFound(kind="version")
        routes = await reading.routes(script)
        pattern = routes[0].pattern if routes else "/"
        return info.context.services.urls.preview(
            app.name, script.name, self.version.number, pattern
        )

    @fields.field(description="When it was uploaded.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.version.created_at

    @fields.field(description="Who uploaded it; null if that user is gone.")
    async def created_by(self, info: Info) -> UserView | None:
        """The author."""
        return await author_of(info, self.version.created_by)

    @fields.field(description="The script it is a version of.")
    async def script(self, info: Info) -> LazyScript:
        """The script."""
        from picloud.manager.graphql.scripts import script_of

        return await script_of(info, self.version.script_id)


@strawberry.type(
    name="Deployment", description="The record that from then on certain versions serve a script."
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

    @fields.field(description="What was done.")
    def kind(self) -> DeploymentKind:
        """The kind."""
        return DeploymentKind[self.deployment.kind.name]

    @fields.field(description="What was said about it; null: nothing.")
    def message(self) -> str | None:
        """The message."""
        return self.deployment.message

    @fields.field(description="Who shares the requests, the heaviest first.")
    async def targets(self, info: Info) -> list[TargetView]:
        """One or several."""
        found = []
        for target in self.deployment.targets:
            version = await info.context.reading.version(target.version_id)
            if version is not None:
                found.append(TargetView(weight=target.weight, version=VersionView.of(version)))
        return found

    @fields.field(description="The deployment that served until then; null for the first.")
    async def previous(self, info: Info) -> DeploymentView | None:
        """What was before."""
        if self.deployment.previous_id is None:
            return None
        found = await info.context.reading.deployment(self.deployment.previous_id)
        return DeploymentView.of(found) if found else None

    @fields.field(description="The script.")
    async def script(self, info: Info) -> LazyScript:
        """The script."""
        from picloud.manager.graphql.scripts import script_of

        return await script_of(info, self.deployment.script_id)

    @fields.field(description="The version that was to serve; of several the heaviest.")
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


@strawberry.type(name="VersionFile", description="One file of a version.")
class VersionFileView:
    """A file."""

    version_: strawberry.Private[Version]
    name: strawberry.Private[FileName]

    @fields.field(description="The path below the script's directory.")
    def path(self) -> str:
        """The path."""
        return self.name.path

    @fields.field(description="How large it is, in bytes.")
    def size(self) -> int:
        """The size."""
        return self.name.size

    @fields.field(description="What is in it; null if that is no UTF-8 text.")
    async def text(self, info: Info) -> str | None:
        """The text."""
        content = await info.context.reading.file(self.version_, self.name.path)
        try:
            return content.decode()
        except UnicodeDecodeError:
            return None


@strawberry.type(name="Target", description="A version and its share of the requests.")
class TargetView:
    """A share."""

    weight: int = strawberry.field(description="How many of a hundred requests it gets.")
    version: VersionView = strawberry.field(description="The version.")


@strawberry.type(name="VersionCount", description="How invocations fell on a version.")
class VersionCountView:
    """A count."""

    version_: strawberry.Private[Version]
    count: strawberry.Private[VersionCount]

    @fields.field(description="The version.")
    def version(self) -> VersionView:
        """The version."""
        return VersionView.of(self.version_)

    @fields.field(description="How many of the counted invocations ran it.")
    def invocations(self) -> int:
        """The number."""
        return self.count.invocations

    @fields.field(description="How many of these did not end with the outcome `OK`.")
    def failed(self) -> int:
        """The number."""
        return self.count.failed


@strawberry.type(name="FileDiff", description="A file that differs between two versions.")
class FileDiffView:
    """A file."""

    diff: strawberry.Private[FileDiff]

    @fields.field(description="Its path below the script's directory.")
    def path(self) -> str:
        """The path."""
        return self.diff.path

    @fields.field(description="What became of it.")
    def change(self) -> FileChange:
        """The change."""
        return FileChange[self.diff.change.name]

    @fields.field(
        description="The difference as `diff -u` writes it; null if the file is no UTF-8 text, or "
        "too large to be compared."
    )
    def unified(self) -> str | None:
        """The lines."""
        return self.diff.unified


@strawberry.type(name="SettingDiff", description="A setting that differs between two versions.")
class SettingDiffView:
    """A setting."""

    diff: strawberry.Private[SettingDiff]

    @fields.field(description="The setting: a limit by its name, `isolation`, `kind`, …")
    def name(self) -> str:
        """The name."""
        return self.diff.name

    @fields.field(description="What it was.")
    def before(self) -> str:
        """The value."""
        return self.diff.before

    @fields.field(description="What it is.")
    def after(self) -> str:
        """The value."""
        return self.diff.after


@strawberry.type(name="Comparison", description="How one version differs from another.")
class ComparisonView:
    """All that differs."""

    comparison: strawberry.Private[Comparison]

    @classmethod
    def of(cls, comparison: Comparison) -> ComparisonView:
        """The view of a comparison."""
        return cls(comparison=comparison)

    @fields.field(description="The version that was compared.")
    def before(self) -> VersionView:
        """The one side."""
        return VersionView.of(self.comparison.before)

    @fields.field(description="The version it was compared with.")
    def after(self) -> VersionView:
        """The other side."""
        return VersionView.of(self.comparison.after)

    @fields.field(description="The files that differ, by path.")
    def files(self) -> list[FileDiffView]:
        """The files."""
        return [FileDiffView(diff=diff) for diff in self.comparison.files]

    @fields.field(description="The limits and other pinned settings that differ.")
    def settings(self) -> list[SettingDiffView]:
        """The settings."""
        return [SettingDiffView(diff=diff) for diff in self.comparison.settings]


async def deployments_of(
    info: Info, script: Script, request: PageRequest[UUID]
) -> LiveConnection[DeploymentView]:
    """A page of the deployments of a script."""
    live = selects(info, "liveCursor")
    found = await info.context.reading.list_deployments(script, request, live=live)
    edges, page_info = edges_of(
        found.page, cursors.BY_ID, key=lambda each: each.id, view=DeploymentView.of
    )
    cursor = live_cursor(cursors.LIVE_DEPLOYMENTS, found.position)
    return LiveConnection(edges=edges, page_info=page_info, live_cursor=cursor)
