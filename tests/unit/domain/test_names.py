"""Names of apps and scripts."""

from __future__ import annotations

import pytest

from picloud.domain.names import app_name_faults, script_name_faults


@pytest.mark.parametrize("name", ["a", "hello", "a1", "a-b-c", "x" * 63])
def test_a_dns_label_is_a_name(name: str) -> None:
    assert script_name_faults(name) == []
    assert app_name_faults(name) == []


@pytest.mark.parametrize(
    "name",
    ["", "A", "1a", "-a", "a-", "a_b", "a.b", "a b", "a\n", "xn--a", "x" * 64, "é", "a\0", "../a"],
)
def test_anything_else_is_not(name: str) -> None:
    assert len(script_name_faults(name)) == 1
    assert len(app_name_faults(name)) == 1


@pytest.mark.parametrize("name", ["www", "api", "admin", "localhost", "graphql"])
def test_reserved_names_are_for_scripts_only(name: str) -> None:
    assert script_name_faults(name) == []
    assert app_name_faults(name)[0].message == f"{name!r} is reserved"
