"""Roles and what they allow."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from picloud.domain.app import AppRole, Permission, may, require
from picloud.domain.failures import NotFound, PermissionDenied
from picloud.domain.user import Actor, InstanceRole, User

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def an_actor(role: InstanceRole) -> Actor:
    user = User(id=UUID(int=1), email="a@b", role=role, created_at=NOW)
    return Actor(user=user, session_id=UUID(int=2), expires_at=NOW)


def test_each_role_allows_what_the_one_below_does() -> None:
    member = an_actor(InstanceRole.MEMBER)
    allowed = {role: {p for p in Permission if may(member, role, p)} for role in AppRole}
    assert allowed[AppRole.VIEWER] < allowed[AppRole.OPERATOR] < allowed[AppRole.EDITOR]
    assert allowed[AppRole.EDITOR] <= allowed[AppRole.OWNER] == set(Permission)


def test_an_admin_of_the_instance_may_do_everything_and_a_stranger_nothing() -> None:
    for permission in Permission:
        assert may(an_actor(InstanceRole.ADMIN), None, permission)
        assert not may(an_actor(InstanceRole.MEMBER), None, permission)


def test_a_stranger_is_told_not_found_and_a_viewer_permission_denied() -> None:
    member = an_actor(InstanceRole.MEMBER)
    with pytest.raises(NotFound):
        require(member, None, Permission.SCRIPT_DEPLOY)
    with pytest.raises(PermissionDenied):
        require(member, AppRole.VIEWER, Permission.SCRIPT_DEPLOY)
