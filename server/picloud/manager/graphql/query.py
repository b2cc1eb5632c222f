"""What can be asked."""

from __future__ import annotations

from typing import Annotated

import strawberry

from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.app_fields import DeletedAppView
from picloud.manager.graphql.audit import AuditEntryView, Where, audit_entries_of
from picloud.manager.graphql.connection import (
    After,
    Before,
    First,
    KeysetConnection,
    Last,
    connect,
    page_request,
)
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.invitations import InvitationView
from picloud.manager.graphql.nodes import Node, decode_id
from picloud.manager.graphql.people import ClusterNodeView, UserView
from picloud.manager.graphql.people_query import PeopleQuery
from picloud.manager.graphql.records import InvocationView
from picloud.manager.graphql.routes import RouteView
from picloud.manager.graphql.scripts import AppView, ScriptView
from picloud.manager.graphql.sessions import SessionView
from picloud.manager.graphql.tokens import TokenView
from picloud.manager.graphql.versions import DeploymentView, VersionView
from picloud.manager.graphql.viewer import Viewer

AppName = Annotated[str, strawberry.argument(description="The app's name.")]
ScriptName = Annotated[str, strawberry.argument(description="The script's name.")]
NodeId = Annotated[strawberry.ID, strawberry.argument(description="An `id` that was read before.")]


@strawberry.type(description="What can be asked. All of it needs a session.")
class Query(PeopleQuery):
    """The roots."""

    @fields.field(description="Who is asking.")
    async def viewer(self, info: Info) -> Viewer:
        """The actor."""
        return Viewer(user=UserView(user=info.context.reading.viewer()))

    @fields.field(description="Any object by its id; null if you may not see it.")
    async def node(self, info: Info, id: NodeId) -> Node | None:
        """The second front door, with the same guard."""
        info.context.require_actor()
        return await fetch(info, id)

    @fields.field(description="An app by its name, or by one it had; null if you may not see it.")
    async def app(self, info: Info, name: AppName) -> AppView | None:
        """One app."""
        app = await info.context.reading.app_named(name)
        return AppView(app=app) if app else None

    @fields.field(description="The apps you may see, by name.")
    async def apps(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[AppView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_apps(request)
        return connect(
            page, cursors.BY_NAME, key=lambda app: app.name, view=lambda app: AppView(app=app)
        )

    @fields.field(description="A deleted app by its name; null if you may not restore it.")
    async def deleted_app(self, info: Info, name: AppName) -> DeletedAppView | None:
        """One deleted app."""
        deleted = await info.context.reading.deleted_app_named(name)
        return DeletedAppView.of(deleted) if deleted else None

    @fields.field(description="The deleted apps you may restore, by name.")
    async def deleted_apps(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[DeletedAppView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_deleted_apps(request)
        return connect(
            page, cursors.BY_NAME, key=lambda each: each.app.name, view=DeletedAppView.of
        )

    @fields.field(description="A script by name; null if you may not see it.")
    async def script(self, info: Info, app: AppName, name: ScriptName) -> ScriptView | None:
        """One script."""
        owner = await info.context.reading.app_named(app)
        script = await info.context.reading.script_named(owner, name) if owner else None
        return ScriptView.of(script) if script else None

    @fields.field(description="The audit log of the instance, oldest first; for admins.")
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
        return await audit_entries_of(info, None, request, where)

    @fields.field(description="The machines that run scripts, by number.")
    async def cluster_nodes(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[ClusterNodeView]:
        """A page of them."""
        request = page_request(cursors.BY_NODE, first=first, last=last, after=after, before=before)
        page = await info.context.reading.list_cluster_nodes(request)
        return connect(
            page,
            cursors.BY_NODE,
            key=lambda node: node.number,
            view=lambda node: ClusterNodeView(cluster_node=node),
        )


async def fetch(info: Info, text: str) -> Node | None:
    """The object behind an id, as far as the actor may see it."""
    reading = info.context.reading
    match decode_id(text):
        case ("App", key):
            app = await reading.app(key)
            return AppView(app=app) if app else None
        case ("Script", key):
            script = await reading.script(key)
            return ScriptView.of(script) if script else None
        case ("Version", key):
            version = await reading.version(key)
            return VersionView.of(version) if version else None
        case ("Deployment", key):
            deployment = await reading.deployment(key)
            return DeploymentView.of(deployment) if deployment else None
        case ("Route", key):
            route = await reading.route(key)
            return RouteView.of(route) if route else None
        case ("Invocation", key):
            invocation = await reading.invocation(key)
            return InvocationView.of(invocation) if invocation else None
        case ("User", key):
            user = await reading.user(key)
            return UserView(user=user) if user else None
        case ("Token", key):
            token = await reading.token(key)
            return TokenView.of(token) if token else None
        case ("Session", key):
            session = await info.context.people.session(key)
            return SessionView(session=session) if session else None
        case ("Invitation", key):
            invitation = await info.context.people.invitation(key)
            return InvitationView(invitation=invitation) if invitation else None
        case ("ClusterNode", key):
            node = await reading.cluster_node(key)
            return ClusterNodeView(cluster_node=node) if node else None
        case _:
            return None
