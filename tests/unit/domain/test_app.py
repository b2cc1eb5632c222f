"""Roles and scopes, and what they allow."""

from __future__ import annotations

from uuid import UUID

import pytest

from picloud.domain.app import (
    PERMISSIONS,
    AppRole,
    InstancePermission,
    Permission,
    knows,
    may,
    may_on_instance,
    require,
    require_session,
    scope_of,
)
from picloud.domain.failures import NotFound, PermissionDenied
from picloud.domain.user import InstanceRole, Scope
from support.actors import a_token_actor, an_actor

APP, OTHER_APP, SCRIPT, OTHER_SCRIPT = (UUID(int=number) for number in range(10, 14))


def test_each_role_allows_what_the_one_below_does() -> None:
    member = an_actor()
    allowed = {
        role: {p for p in Permission if may(member, role, p, app_id=APP)} for role in AppRole
    }
    assert allowed[AppRole.VIEWER] < allowed[AppRole.OPERATOR] < allowed[AppRole.EDITOR]
    assert allowed[AppRole.EDITOR] < allowed[AppRole.OWNER]
    assert allowed[AppRole.OWNER] == set(Permission) - {Permission.QUOTAS_CHANGE}


def test_an_admin_of_the_instance_may_do_everything_and_a_stranger_nothing() -> None:
    for permission in Permission:
        assert may(an_actor(InstanceRole.ADMIN), None, permission, app_id=APP)
        assert not may(an_actor(), None, permission, app_id=APP)


def test_a_stranger_is_told_not_found_and_a_viewer_permission_denied() -> None:
    member = an_actor()
    with pytest.raises(NotFound):
        require(member, None, Permission.SCRIPT_DEPLOY, app_id=APP)
    with pytest.raises(PermissionDenied):
        require(member, AppRole.VIEWER, Permission.SCRIPT_DEPLOY, app_id=APP)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("permission", Permission)
def test_a_token_allows_what_its_scope_is_for_and_nothing_else(
    scope: Scope, permission: Permission
) -> None:
    token = a_token_actor({scope})
    implied = scope_of(permission) is Scope.READ and scope is not Scope.INVOKE
    wanted = implied or scope_of(permission) is scope
    wanted = wanted and permission in PERMISSIONS[AppRole.OWNER]
    assert may(token, AppRole.OWNER, permission, app_id=APP) == wanted
    assert not may(token, None, permission, app_id=APP)


def test_a_token_never_allows_more_than_the_role_of_its_user() -> None:
    token = a_token_actor(set(Scope))
    for role in AppRole:
        for permission in Permission:
            by_role = may(an_actor(), role, permission, app_id=APP)
            assert may(token, role, permission, app_id=APP) == by_role


def test_a_token_of_one_app_does_not_know_another() -> None:
    for role in InstanceRole:
        token = a_token_actor(set(Scope), role=role, app_id=APP)
        assert may(token, AppRole.OWNER, Permission.SCRIPT_DEPLOY, app_id=APP, script_id=SCRIPT)
        with pytest.raises(NotFound):
            require(token, AppRole.OWNER, Permission.SCRIPT_DEPLOY, app_id=OTHER_APP)


def test_a_token_of_one_script_has_no_say_over_its_app_or_another_script() -> None:
    token = a_token_actor(set(Scope), app_id=APP, script_id=SCRIPT)
    for permission in PERMISSIONS[AppRole.OWNER]:
        assert may(token, AppRole.OWNER, permission, app_id=APP, script_id=SCRIPT)
        for other in (None, OTHER_SCRIPT):
            assert not may(token, AppRole.OWNER, permission, app_id=APP, script_id=other)
            with pytest.raises(PermissionDenied):
                require(token, AppRole.OWNER, permission, app_id=APP, script_id=other)
    assert knows(token, AppRole.VIEWER, app_id=APP)
    assert not knows(token, AppRole.VIEWER, app_id=OTHER_APP)


def test_the_token_of_an_admin_is_an_admin_only_with_the_scope() -> None:
    with_it = a_token_actor({Scope.ADMIN, Scope.DEPLOY}, role=InstanceRole.ADMIN)
    without = a_token_actor(set(Scope) - {Scope.ADMIN}, role=InstanceRole.ADMIN)
    assert may(with_it, None, Permission.SCRIPT_DEPLOY, app_id=APP)
    assert not may(without, None, Permission.SCRIPT_DEPLOY, app_id=APP)
    assert may_on_instance(with_it, InstancePermission.USERS_MANAGE)
    assert not may_on_instance(without, InstancePermission.USERS_MANAGE)


def test_what_is_about_the_instance_needs_a_session_or_an_unlimited_admin_token() -> None:
    for permission in set(InstancePermission) - {InstancePermission.INSTANCE_READ}:
        assert may_on_instance(an_actor(InstanceRole.ADMIN), permission)
        limited = a_token_actor({Scope.ADMIN}, role=InstanceRole.ADMIN, app_id=APP)
        assert not may_on_instance(limited, permission)
    assert may_on_instance(an_actor(), InstancePermission.ACCOUNT_CHANGE)
    assert not may_on_instance(an_actor(), InstancePermission.USERS_MANAGE)
    assert not may_on_instance(a_token_actor({Scope.DEPLOY}), InstancePermission.ACCOUNT_CHANGE)


def test_who_one_is_needs_the_scope_to_read() -> None:
    for scope in Scope:
        token = a_token_actor({scope}, app_id=APP)
        allowed = scope is not Scope.INVOKE
        assert may_on_instance(token, InstancePermission.INSTANCE_READ) == allowed
    assert may_on_instance(an_actor(), InstancePermission.INSTANCE_READ)


def test_some_things_only_a_person_does() -> None:
    require_session(an_actor())
    with pytest.raises(PermissionDenied):
        require_session(a_token_actor(set(Scope), role=InstanceRole.ADMIN))
