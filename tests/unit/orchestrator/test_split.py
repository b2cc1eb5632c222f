"""The choice among the versions that share a route's requests."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from picloud.orchestrator.routing import Found, RoutingTable, Split
from unit.orchestrator.test_routing import row


def test_rows_of_one_route_are_its_versions_and_each_can_be_found() -> None:
    first = replace(row("/a"), weight=90)
    second = replace(first, version_id=uuid4(), version_number=2, weight=10)
    table = RoutingTable([first, second, row("/b")])
    routes = table.apps["demo"]
    found, _, _ = routes.find("GET", "/a")
    assert found is first
    assert routes.versions(first) == [first, second]
    assert set(table.versions) >= {first.version_id, second.version_id}


def test_versions_are_picked_by_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "choices", random.Random(7).choices)
    rows = [replace(row("/a"), weight=weight) for weight in (50, 49, 1)]
    shares = [Found(each, "/a", "", "", (b"", b"", b"")) for each in rows]
    picked = Counter(Split(shares).pick().target.weight for _ in range(10_000))
    assert set(picked) == {50, 49, 1}
    for weight, count in picked.items():
        assert abs(count - 100 * weight) < 6 * (100 * weight * (1 - weight / 100)) ** 0.5
