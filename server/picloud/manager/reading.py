"""What an actor may read. One `Reading` serves one operation.

Every read is batched: the objects and lists a query asks for at one level are one statement,
however many there are. What the actor may not see does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from strawberry.dataloader import DataLoader

from picloud.domain import comparison
from picloud.domain.app import (
    App,
    AppRole,
    InstancePermission,
    Permission,
    Standing,
    is_admin,
    knows,
    may,
    may_on_instance,
    require,
    require_on_instance,
)
from picloud.domain.audit import AuditEntry, AuditFilter
from picloud.domain.cluster_node import ClusterNode
from picloud.domain.comparison import Comparison
from picloud.domain.deletion import DeletedApp, DeletedScript
from picloud.domain.deployment import Deployment
from picloud.domain.endpoint import RateLimit
from picloud.domain.environment import EnvVariable, Secret
from picloud.domain.failures import NotFound
from picloud.domain.invocation import Invocation
from picloud.domain.member import Member
from picloud.domain.names import script_name_faults
from picloud.domain.page import Page, PageRequest
from picloud.domain.quota import Quota, QuotaUse, Usage
from picloud.domain.route import Overlap, Route, asked_before
from picloud.domain.script import Script, Version
from picloud.domain.source import Source
from picloud.domain.token import Token
from picloud.domain.user import Actor, Scope, User
from picloud.manager.access import find_restorable
from picloud.manager.pages import DeploymentPage, InvocationPage, ListQuery, LogPage, PageReader
from picloud.store import (
    app_names,
    app_settings,
    apps,
    audit,
    cluster_nodes,
    deletions,
    deployments,
    records,
    routes,
    scripts,
    tokens,
    users,
    versions,
)
from picloud.store import quotas as quota_store
from picloud.store.app_settings import Egress
from picloud.store.database import Pool
from picloud.store.deployments import VersionCount
from picloud.store.records import LogKey
from picloud.store.versions import FileName

COUNTED: Final = 10_000  # of a script's newest invocations, where they are counted by version


class Reading:
    """Objects and lists, as far as this actor may see them."""

    def __init__(self, *, pool: Pool, actor: Actor, quotas: Mapping[Quota, int]) -> None:
        self._instance_quotas = quotas
        self._pool = pool
        self._actor = actor
        self._pages = PageReader(pool)
        self._standings = DataLoader(self._load_standings)
        self._apps: DataLoader[UUID, App | None] = DataLoader(lambda ids: apps.get_apps(pool, ids))
        self._scripts: DataLoader[UUID, Script | None] = DataLoader(
            lambda ids: scripts.get_scripts(pool, ids)
        )
        self._versions: DataLoader[UUID, Version | None] = DataLoader(
            lambda ids: versions.get_versions(pool, ids)
        )
        self._entries: DataLoader[UUID, str | None] = DataLoader(
            lambda ids: versions.get_entries(pool, ids)
        )
        self._file_names = DataLoader(lambda ids: versions.get_file_names(pool, ids))
        self._sources: DataLoader[UUID, Source | None] = DataLoader(
            lambda ids: versions.get_sources(pool, ids)
        )
        self._counts = DataLoader(
            lambda ids: deployments.count_by_version(pool, ids, newest=COUNTED)
        )
        self._deployments: DataLoader[UUID, Deployment | None] = DataLoader(
            lambda ids: deployments.get_deployments(pool, ids)
        )
        self._egress: DataLoader[UUID, Egress | None] = DataLoader(
            lambda ids: app_settings.get_egress(pool, ids)
        )
        self._routes = DataLoader(lambda ids: routes.routes_of_scripts(pool, ids))
        self._routes_by_id: DataLoader[UUID, Route | None] = DataLoader(
            lambda ids: routes.routes_by_id(pool, ids)
        )
        self._routes_of_apps = DataLoader(lambda ids: routes.routes_of_apps(pool, ids))
        self._rate_limits: DataLoader[UUID, tuple[RateLimit, ...] | None] = DataLoader(
            lambda ids: routes.app_rate_limits(pool, ids)
        )
        self._usage: DataLoader[UUID, Usage | None] = DataLoader(
            lambda ids: quota_store.get_usage(pool, ids)
        )
        self._aliases: DataLoader[UUID, list[str]] = DataLoader(
            lambda ids: app_names.get_aliases(pool, ids)
        )
        self._invocations: DataLoader[UUID, Invocation | None] = DataLoader(
            lambda ids: records.get_invocations(pool, ids)
        )
        self._last_invocations: DataLoader[UUID, Invocation | None] = DataLoader(
            lambda ids: records.get_last_invocations(pool, ids)
        )
        self._users: DataLoader[UUID, User | None] = DataLoader(
            lambda ids: users.get_users(pool, ids)
        )
        self._tokens: DataLoader[UUID, Token | None] = DataLoader(
            lambda ids: tokens.get_tokens(pool, ids)
        )
        self._nodes: DataLoader[UUID, ClusterNode | None] = DataLoader(
            lambda ids: cluster_nodes.get_cluster_nodes(pool, ids)
        )

    def viewer(self) -> User:
        """Who asks; raises `PermissionDenied` to tokens that are not for reading."""
        require_on_instance(self._actor, InstancePermission.INSTANCE_READ)
        return self._actor.user

    # Objects by name

    async def app_named(self, name: str) -> App | None:
        """An app by name."""
        if script_name_faults(name):
            return None
        app = await apps.find_app(self._pool, name)
        return app if app and await self._knows(app.id) else None

    async def deleted_app_named(self, name: str) -> DeletedApp | None:
        """A deleted app by name, for who may restore it."""
        return await find_restorable(self._pool, self._actor, name)

    async def script_named(self, app: App, name: str) -> Script | None:
        """A script of an app by name."""
        if script_name_faults(name) or not await self._knows(app.id):
            return None
        script = await scripts.find_script(self._pool, app_id=app.id, name=name)
        return script if script and await self._may(app.id, script_id=script.id) else None

    async def tail(
        self, *, app: str, script: str | None, permission: Permission = Permission.LOGS_READ
    ) -> tuple[App, Script | None]:
        """What a subscription follows; raises `NotFound`, `PermissionDenied`."""
        followed = await self.app_named(app)
        if followed is None:
            raise NotFound(kind="app", name=app)
        if script is None:
            await self._require(followed.id, permission)
            return followed, None
        found = await self.script_named(followed, script)
        await self._require(followed.id, permission, script_id=found.id if found else None)
        if found is None:
            raise NotFound(kind="script", name=f"{app}/{script}")
        return followed, found

    # Objects by id

    async def app(self, app_id: UUID) -> App | None:
        """An app."""
        return await self._apps.load(app_id) if await self._knows(app_id) else None

    async def script(self, script_id: UUID) -> Script | None:
        """A script."""
        script = await self._scripts.load(script_id)
        return script if script and await self._may_script(script) else None

    async def version(self, version_id: UUID) -> Version | None:
        """A version."""
        version = await self._versions.load(version_id)
        return version if version and await self.script(version.script_id) else None

    async def deployment(self, deployment_id: UUID) -> Deployment | None:
        """A deployment."""
        deployment = await self._deployments.load(deployment_id)
        return deployment if deployment and await self.script(deployment.script_id) else None

    async def invocation(self, invocation_id: UUID) -> Invocation | None:
        """An invocation, also of a script that is gone; raises `PermissionDenied`."""
        invocation = await self._invocations.load(invocation_id)
        if invocation is None or await self.app(invocation.app_id) is None:
            return None
        app_id, script_id = invocation.app_id, invocation.script_id
        if not await self._may(app_id, script_id=script_id):
            return None
        await self._require(app_id, Permission.LOGS_READ, script_id=script_id)
        return invocation

    async def route(self, route_id: UUID) -> Route | None:
        """A route."""
        route = await self._routes_by_id.load(route_id)
        return route if route and await self._may_lead_to(route) else None

    async def cluster_node(self, node_id: UUID) -> ClusterNode | None:
        """A node; every user of the instance may know them. Raises `PermissionDenied`."""
        require_on_instance(self._actor, InstancePermission.INSTANCE_READ)
        return await self._nodes.load(node_id)

    async def user(self, user_id: UUID) -> User | None:
        """A user: oneself, somebody one shares an app with, or for an admin anybody."""
        actor = self._actor
        if not may_on_instance(actor, InstancePermission.INSTANCE_READ):
            return None
        mine = user_id == actor.user.id or may_on_instance(actor, InstancePermission.USERS_MANAGE)
        only = actor.token.app_id if actor.token else None
        if not mine and not await users.colleagues(self._pool, actor.user.id, [user_id], only=only):
            return None
        return await self._users.load(user_id)

    async def token(self, token_id: UUID) -> Token | None:
        """A token: one's own, one for an app whose tokens one manages, or for an admin any."""
        token = await self._tokens.load(token_id)
        if token is None or may_on_instance(self._actor, InstancePermission.USERS_MANAGE):
            return token
        if token.user_id == self._actor.user.id:
            mine = may_on_instance(self._actor, InstancePermission.ACCOUNT_CHANGE)
            return token if mine or token.id == self._actor.credential.id else None
        if token.app_id and await self._may(token.app_id, Permission.TOKENS_MANAGE):
            return token
        return None

    # What belongs to an object that has been read

    async def author(self, user_id: UUID | None) -> User | None:
        """Who made or changed something the actor has read."""
        return None if user_id is None else await self._users.load(user_id)

    async def active_version(self, script: Script) -> Version | None:
        """The version that serves a script."""
        if script.active_deployment_id is None or not await self._may_script(script):
            return None
        deployment = await self._deployments.load(script.active_deployment_id)
        return await self._versions.load(deployment.version_id) if deployment else None

    async def active_deployment(self, script: Script) -> Deployment | None:
        """What serves a script, and since when."""
        if script.active_deployment_id is None or not await self._may_script(script):
            return None
        return await self._deployments.load(script.active_deployment_id)

    async def version_counts(self, script: Script) -> list[tuple[Version, VersionCount]]:
        """How the newest invocations of a script fell on its versions, by number."""
        await self._require_of(script, Permission.LOGS_READ)
        counts = await self._counts.load(script.id)
        found = await self._versions.load_many([count.version_id for count in counts])
        pairs = [(version, count) for version, count in zip(found, counts, strict=True) if version]
        return sorted(pairs, key=lambda pair: pair[0].number)

    async def last_invocation(self, script: Script) -> Invocation | None:
        """The newest invocation of a script, as far as the actor may see invocations."""
        allowed = await self._may(script.app_id, Permission.LOGS_READ, script_id=script.id)
        return await self._last_invocations.load(script.id) if allowed else None

    async def source(self, version: Version) -> str:
        """The text of a version's entry; raises `PermissionDenied`."""
        await self._require_source(version)
        return await self._entries.load(version.id) or ""

    async def file_names(self, version: Version) -> list[FileName]:
        """All files of a version, by path."""
        return (
            await self._file_names.load(version.id) if await self.script(version.script_id) else []
        )

    async def file(self, version: Version, path: str) -> bytes:
        """What is in a file of a version; raises `PermissionDenied`."""
        await self._require_source(version)
        source = await self._sources.load(version.id)
        return dict(source.all_files())[path] if source else b""

    async def compare(self, script: Script, before: int, after: int) -> Comparison | None:
        """How two versions differ; None if one of them is not there, raises `PermissionDenied`."""
        await self._require_of(script, Permission.LOGS_READ)
        wanted = [number for number in (before, after) if 0 < number < 2**31]
        found = await versions.numbered_versions(self._pool, script.id, wanted)
        if before not in found or after not in found:
            return None
        pair = found[before], found[after]
        sources = await self._sources.load_many([version.id for version in pair])
        if sources[0] is None or sources[1] is None:
            return None
        sides = (pair[0], sources[0]), (pair[1], sources[1])
        return await asyncio.to_thread(comparison.compare, *sides)

    async def routes(self, script: Script) -> list[Route]:
        """The routes that lead to a script."""
        return await self._routes.load(script.id) if await self._may_script(script) else []

    async def asked_before(self, route: Route) -> list[Overlap]:
        """The app's routes that take some of this one's requests."""
        others = await self._routes_of_apps.load(route.app_id)
        overlaps = asked_before(route, others)
        return [each for each in overlaps if await self._may_lead_to(each.route)]

    async def rate_limits(self, app: App) -> Sequence[RateLimit]:
        """The limits of all routes of an app together."""
        await self._require(app.id, Permission.APP_READ)
        return await self._rate_limits.load(app.id) or ()

    async def egress(self, app: App) -> Egress:
        """Where the scripts of an app may connect to."""
        await self._require(app.id, Permission.APP_READ)
        egress = await self._egress.load(app.id)
        if egress is None:
            raise NotFound(kind="app", name=app.name)
        return egress

    async def role_in(self, app: App) -> AppRole | None:
        """The actor's own place in an app; None for an admin who has none."""
        standing = await self._standings.load(app.id)
        return standing.role if standing else None

    async def member_user(self, member: Member) -> User:
        """Who a member is that the actor has read."""
        user = await self._users.load(member.user_id)
        if user is None:
            raise NotFound(kind="user")
        return user

    async def quotas(self, app: App) -> list[QuotaUse]:
        """What an app has and may have."""
        await self._require(app.id, Permission.APP_READ)
        usage = await self._usage.load(app.id)
        return [] if usage is None else [usage.of(each, self._instance_quotas) for each in Quota]

    async def former_names(self, app: App) -> list[str]:
        """The names an app had."""
        await self._require(app.id, Permission.APP_READ)
        return await self._aliases.load(app.id)

    async def env_value(self, variable: EnvVariable) -> str | None:
        """A variable's value; None for who may know its name only."""
        readable = await self._may(
            variable.app_id, Permission.ENV_READ, script_id=variable.script_id
        )
        return variable.value if readable else None

    async def secret_hint(self, secret: Secret) -> str | None:
        """How a secret's value ends; None for who may know its name only, or for short ones."""
        readable = await self._may(secret.app_id, Permission.ENV_READ, script_id=secret.script_id)
        return secret.hint if readable else None

    # Lists

    async def list_apps(self, request: PageRequest[str]) -> Page[App]:
        """The apps the actor may see."""
        require_on_instance(self._actor, InstancePermission.INSTANCE_READ)
        member = None if is_admin(self._actor) else self._actor.user.id
        only = self._actor.token.app_id if self._actor.token else None
        return await apps.list_apps(self._pool, request, member=member, only=only)

    async def list_deleted_apps(self, request: PageRequest[str]) -> Page[DeletedApp]:
        """The deleted apps the actor may restore."""
        require_on_instance(self._actor, InstancePermission.INSTANCE_READ)
        token = self._actor.token
        if token and (Scope.ADMIN not in token.scopes or token.script_id):
            return Page(items=[], has_next=False, has_previous=False)
        owner = None if is_admin(self._actor) else self._actor.user.id
        only = token.app_id if token else None
        return await deletions.list_deleted_apps(self._pool, request, owner=owner, only=only)

    async def list_deleted_scripts(
        self, app: App, request: PageRequest[str]
    ) -> Page[DeletedScript]:
        """The deleted scripts of an app."""
        await self._require(app.id, Permission.APP_READ)
        return await self._pages.deleted_scripts.load(ListQuery(app.id, request))

    async def list_members(self, app: App, request: PageRequest[str]) -> Page[Member]:
        """The members of an app."""
        await self._require(app.id, Permission.APP_READ)
        return await self._pages.members.load(ListQuery(app.id, request))

    async def list_cluster_nodes(self, request: PageRequest[int]) -> Page[ClusterNode]:
        """The nodes."""
        require_on_instance(self._actor, InstancePermission.INSTANCE_READ)
        return await cluster_nodes.list_cluster_nodes(self._pool, request)

    async def list_scripts(self, app: App, request: PageRequest[str]) -> Page[Script]:
        """The scripts of an app; for a token of one script that one."""
        only = self._actor.token.script_id if self._actor.token else None
        await self._require(app.id, Permission.APP_READ, script_id=only)
        return await self._pages.scripts.load(ListQuery(app.id, request, only=only))

    async def list_versions(self, script: Script, request: PageRequest[int]) -> Page[Version]:
        """The versions of a script."""
        await self._require(script.app_id, Permission.APP_READ, script_id=script.id)
        return await self._pages.versions.load(ListQuery(script.id, request))

    async def list_deployments(
        self, script: Script, request: PageRequest[UUID], *, live: bool
    ) -> DeploymentPage:
        """The deployments of a script; `live` asks where a tail goes on."""
        await self._require(script.app_id, Permission.APP_READ, script_id=script.id)
        return await self._pages.deployments.load(ListQuery(script.id, request, live=live))

    async def list_routes(self, app: App, request: PageRequest[UUID]) -> Page[Route]:
        """The routes of an app."""
        await self._require(app.id, Permission.APP_READ)
        return await self._pages.routes.load(ListQuery(app.id, request))

    async def list_env_variables(
        self, owner: App | Script, request: PageRequest[str]
    ) -> Page[EnvVariable]:
        """The env variables of an app, or those of a script alone."""
        await self._require_of(owner, Permission.APP_READ)
        return await self._pages.env_variables.load(ListQuery(owner.id, request))

    async def list_secrets(self, owner: App | Script, request: PageRequest[str]) -> Page[Secret]:
        """What may be known of the secrets of an app, or of those of a script alone."""
        await self._require_of(owner, Permission.APP_READ)
        return await self._pages.secrets.load(ListQuery(owner.id, request))

    async def list_audit_entries(
        self, app: App | None, request: PageRequest[UUID], wanted: AuditFilter
    ) -> Page[AuditEntry]:
        """What the audit log has about an app, or about everything; raises `PermissionDenied`."""
        if app is None:
            require_on_instance(self._actor, InstancePermission.INSTANCE_AUDIT)
            return await audit.list_entries(self._pool, request, wanted)
        await self._require(app.id, Permission.AUDIT_READ)
        return await self._pages.app_audit.load(ListQuery(app.id, request, audit=wanted))

    async def list_own_tokens(self, request: PageRequest[UUID]) -> Page[Token]:
        """The tokens of who asks; raises `PermissionDenied` to most tokens."""
        require_on_instance(self._actor, InstancePermission.ACCOUNT_CHANGE)
        return await self._pages.user_tokens.load(ListQuery(self._actor.user.id, request))

    async def list_app_tokens(self, app: App, request: PageRequest[UUID]) -> Page[Token]:
        """Everybody's tokens that are for an app only."""
        await self._require(app.id, Permission.TOKENS_MANAGE)
        return await self._pages.app_tokens.load(ListQuery(app.id, request))

    async def list_invocations(
        self, parent: App | Script, request: PageRequest[UUID], *, live: bool
    ) -> InvocationPage:
        """The invocations of an app or a script; `live` asks where a tail goes on."""
        await self._require_of(parent, Permission.LOGS_READ)
        return await self._pages.invocations.load(ListQuery(parent.id, request, live=live))

    async def list_log_records(
        self, parent: App | Script, request: PageRequest[LogKey], *, level: int, live: bool
    ) -> LogPage:
        """The log records of an app or a script; `live` asks where a tail goes on."""
        await self._require_of(parent, Permission.LOGS_READ)
        query = ListQuery(parent.id, request, level=level, live=live)
        return await self._pages.log_records.load(query)

    async def list_invocation_log(
        self, invocation: Invocation, request: PageRequest[int], *, level: int, live: bool
    ) -> LogPage:
        """The log records of an invocation; `live` asks where a tail goes on."""
        await self._require(invocation.app_id, Permission.LOGS_READ, script_id=invocation.script_id)
        query = ListQuery(invocation.id, request, level=level, live=live)
        return await self._pages.invocation_logs.load(query)

    # Permission

    async def _knows(self, app_id: UUID) -> bool:
        standing = await self._standings.load(app_id)
        return standing is not None and knows(self._actor, standing.role, app_id=app_id)

    async def _may_script(self, script: Script) -> bool:
        return await self._may(script.app_id, script_id=script.id)

    async def _may_lead_to(self, route: Route) -> bool:
        return await self._may(route.app_id, script_id=route.script_id)

    async def _may(
        self,
        app_id: UUID,
        permission: Permission = Permission.APP_READ,
        *,
        script_id: UUID | None = None,
    ) -> bool:
        standing = await self._standings.load(app_id)
        return standing is not None and may(
            self._actor, standing.role, permission, app_id=app_id, script_id=script_id
        )

    async def _require(
        self, app_id: UUID, permission: Permission, *, script_id: UUID | None = None
    ) -> None:
        standing = await self._standings.load(app_id)
        if standing is None:
            raise NotFound(kind="app")
        require(self._actor, standing.role, permission, app_id=app_id, script_id=script_id)

    async def _require_of(self, owner: App | Script, permission: Permission) -> None:
        if isinstance(owner, App):
            await self._require(owner.id, permission)
        else:
            await self._require(owner.app_id, permission, script_id=owner.id)

    async def _require_source(self, version: Version) -> None:
        script = await self.script(version.script_id)
        if script is None:
            raise NotFound(kind="version")
        await self._require_of(script, Permission.LOGS_READ)

    async def _load_standings(self, app_ids: list[UUID]) -> Sequence[Standing | None]:
        return await apps.get_standings(self._pool, self._actor.user.id, app_ids)
