"""Apps, and what a member of one may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final
from uuid import UUID

from picloud.domain.failures import NotFound, PermissionDenied
from picloud.domain.user import Actor, InstanceRole


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


class Permission(StrEnum):
    """One thing that can be allowed in an app."""

    APP_READ = auto()
    LOGS_READ = auto()
    ENV_READ = auto()  # values of env variables, hints of secrets; names are for everybody
    SCRIPT_DEPLOY = auto()
    SETTINGS_CHANGE = auto()  # env, secrets, egress policy


_VIEWER: Final = frozenset({Permission.APP_READ})
_OPERATOR: Final = _VIEWER | {Permission.LOGS_READ, Permission.ENV_READ}
_EDITOR: Final = _OPERATOR | {Permission.SCRIPT_DEPLOY, Permission.SETTINGS_CHANGE}
PERMISSIONS: Final[Mapping[AppRole, frozenset[Permission]]] = MappingProxyType(
    {
        AppRole.OWNER: frozenset(Permission),
        AppRole.EDITOR: _EDITOR,
        AppRole.OPERATOR: _OPERATOR,
        AppRole.VIEWER: _VIEWER,
    }
)


def may(actor: Actor, role: AppRole | None, permission: Permission) -> bool:
    """Whether this user with this role in the app may do this."""
    if actor.user.role is InstanceRole.ADMIN:
        return True
    return role is not None and permission in PERMISSIONS[role]


def require(actor: Actor, role: AppRole | None, permission: Permission) -> None:
    """Raise `NotFound` to who may not know the app, `PermissionDenied` to who may."""
    if may(actor, role, permission):
        return
    if not may(actor, role, Permission.APP_READ):
        raise NotFound(kind="app")
    raise PermissionDenied
