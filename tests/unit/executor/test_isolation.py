"""What layers amount to, and when a node refuses to serve."""

from __future__ import annotations

import pytest

from picloud.domain.isolation import IsolationLayer, IsolationLevel, NodeIsolation
from picloud.executor.isolation import HINTS, REQUIRED, SELF_TEST, IsolationError, judge, require

NAMESPACES = [f"{kind}_namespace" for kind in ("mount", "pid", "network", "ipc", "uts")]


def isolation(*names: str, lost: str = "") -> NodeIsolation:
    layers = (IsolationLayer(name, name != lost, "why") for name in names)
    return judge(tuple(layers))


@pytest.mark.parametrize("user", ["private_user", "user_namespace"])
def test_with_namespaces_and_a_user_of_its_own_it_is_full(user: str) -> None:
    assert isolation(*REQUIRED, *NAMESPACES, user).level is IsolationLevel.FULL


@pytest.mark.parametrize("lost", NAMESPACES)
def test_without_one_of_the_namespaces_it_is_portable(lost: str) -> None:
    found = isolation(*REQUIRED, *NAMESPACES, "private_user", lost=lost)
    assert found.level is IsolationLevel.PORTABLE


def test_without_a_user_of_its_own_it_is_portable() -> None:
    assert isolation(*REQUIRED, *NAMESPACES).level is IsolationLevel.PORTABLE


def test_the_needed_layers_alone_are_portable_and_serve() -> None:
    found = isolation(*REQUIRED)
    assert found.level is IsolationLevel.PORTABLE
    require(found, allow_weak=False)


@pytest.mark.parametrize("lost", REQUIRED)
def test_a_missing_layer_refuses_to_serve_unless_that_is_allowed(lost: str) -> None:
    weak = isolation(*REQUIRED, *NAMESPACES, "private_user", lost=lost)
    assert weak.level is IsolationLevel.WEAK
    with pytest.raises(IsolationError, match=f"{lost}: why.*PICLOUD_ALLOW_WEAK_ISOLATION=1"):
        require(weak, allow_weak=False)
    require(weak, allow_weak=True)


def test_a_layer_nobody_reports_counts_as_missing() -> None:
    assert isolation(*REQUIRED[1:]).level is IsolationLevel.WEAK


def test_every_layer_but_the_self_test_has_a_hint() -> None:
    assert set(REQUIRED) - {SELF_TEST} <= set(HINTS)
    assert set(NAMESPACES) <= set(HINTS)


def test_an_isolation_survives_the_way_through_the_database() -> None:
    found = isolation(*REQUIRED, lost="seccomp")
    assert NodeIsolation.from_json(found.as_json()) == found


def test_a_node_that_has_told_nothing_counts_as_weak() -> None:
    assert NodeIsolation.from_json({}) == NodeIsolation(IsolationLevel.WEAK, ())
