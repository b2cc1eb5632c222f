"""Apps, and what a member of one may do. The rules of authorisation are here, and only here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final
from uuid import UUID

from picloud.domain.failures import NotFound, PermissionDenied
from picloud.domain.user import Actor, InstanceRole, Scope, with_implied


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The tenant: owns scripts, routes and members."""

    id: UUID
    name: str
    created_by: UUID | None
    created_at: datetime


class AppRole(StrEnum):
    """A user's place in an app."""

    OWNER = "owner"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a user stands to an app that is there; without a role they are no member."""

    role: AppRole | None


class Permission(StrEnum):
    """One thing that can be allowed in an app."""

    APP_READ = auto()
    APP_LEAVE = auto()
    LOGS_READ = auto()
    ENV_READ = auto()  # values of env variables, hints of secrets; names are for everybody
    INVOKE = auto()
    SCRIPT_DEPLOY = auto()
    SETTINGS_CHANGE = auto()  # env, secrets, egress policy
    ROUTES_CHANGE = auto()
    MEMBERS_CHANGE = auto()
    TOKENS_MANAGE = auto()  # other people's tokens for the app
    AUDIT_READ = auto()
    APP_RENAME = auto()
    APP_DELETE = auto()
    APP_TRANSFER = auto()
    QUOTAS_CHANGE = auto()  # an admin's only


_VIEWER: Final = frozenset({Permission.APP_READ, Permission.APP_LEAVE})
_OPERATOR: Final = _VIEWER | {Permission.LOGS_READ, Permission.ENV_READ, Permission.INVOKE}
_EDITOR: Final = _OPERATOR | {
    Permission.SCRIPT_DEPLOY,
    Permission.SETTINGS_CHANGE,
    Permission.ROUTES_CHANGE,
}
PERMISSIONS: Final[Mapping[AppRole, frozenset[Permission]]] = MappingProxyType(
    {
        AppRole.OWNER: frozenset(Permission) - {Permission.QUOTAS_CHANGE},
        AppRole.EDITOR: _EDITOR,
        AppRole.OPERATOR: _OPERATOR,
        AppRole.VIEWER: _VIEWER,
    }
)
# The scope a token needs for each; what is not named here needs `admin`.
_SCOPES: Final[Mapping[Permission, Scope]] = MappingProxyType(
    {
        Permission.APP_READ: Scope.READ,
        Permission.ENV_READ: Scope.READ,
        Permission.LOGS_READ: Scope.LOGS,
        Permission.INVOKE: Scope.INVOKE,
        Permission.SCRIPT_DEPLOY: Scope.DEPLOY,
        Permission.SETTINGS_CHANGE: Scope.DEPLOY,
        Permission.ROUTES_CHANGE: Scope.DEPLOY,
    }
)


class InstancePermission(StrEnum):
    """One thing that is about oneself or the instance, not about an app."""

    INSTANCE_READ = auto()  # who one is, which apps and nodes there are
    APP_CREATE = auto()
    ACCOUNT_CHANGE = auto()  # one's own password, sessions and tokens
    USERS_MANAGE = auto()
    INSTANCE_AUDIT = auto()


_FOR_ADMINS: Final = frozenset({InstancePermission.USERS_MANAGE, InstancePermission.INSTANCE_AUDIT})


def scope_of(permission: Permission) -> Scope:
    """What a token must be for, to be allowed this."""
    return _SCOPES.get(permission, Scope.ADMIN)


def may(
    actor: Actor,
    role: AppRole | None,
    permission: Permission,
    *,
    app_id: UUID,
    script_id: UUID | None = None,
) -> bool:
    """Whether this actor, with this role in the app, may do this to the app or to its script.

    A token must be for it, and cover the app or script: one for a single script has no say over
    the app itself.
    """
    token = actor.token
    if token and not token.covers(scope_of(permission), app_id=app_id, script_id=script_id):
        return False
    if is_admin(actor):
        return True
    return role is not None and permission in PERMISSIONS[role]


def knows(actor: Actor, role: AppRole | None, *, app_id: UUID) -> bool:
    """Whether the app exists for this actor; for a token of one of its scripts it does."""
    script_id = actor.token.script_id if actor.token else None
    return may(actor, role, Permission.APP_READ, app_id=app_id, script_id=script_id)


def require(
    actor: Actor,
    role: AppRole | None,
    permission: Permission,
    *,
    app_id: UUID,
    script_id: UUID | None = None,
) -> None:
    """Raise `NotFound` to who may not know the app, `PermissionDenied` to who may."""
    if may(actor, role, permission, app_id=app_id, script_id=script_id):
        return
    if not knows(actor, role, app_id=app_id):
        raise NotFound(kind="app")
    raise PermissionDenied


def is_admin(actor: Actor) -> bool:
    """Whether the actor is an admin here and now: a token needs the scope `admin` for it."""
    token = actor.token
    allowed = token is None or Scope.ADMIN in token.scopes
    return allowed and actor.user.role is InstanceRole.ADMIN


def may_on_instance(actor: Actor, permission: InstancePermission) -> bool:
    """Whether this actor may do this to themselves or the instance.

    To read, a token must have the scope `read`; for the rest `admin`, and be for every app.
    """
    token = actor.token
    if permission is InstancePermission.INSTANCE_READ:
        return token is None or Scope.READ in with_implied(token.scopes)
    if token and (Scope.ADMIN not in token.scopes or token.app_id is not None):
        return False
    return permission not in _FOR_ADMINS or is_admin(actor)


def require_on_instance(actor: Actor, permission: InstancePermission) -> None:
    """Raise `PermissionDenied`."""
    if not may_on_instance(actor, permission):
        raise PermissionDenied


def require_session(actor: Actor) -> None:
    """Raise `PermissionDenied` to a token: some things only a person does, as a new password."""
    if actor.token is not None:
        raise PermissionDenied
