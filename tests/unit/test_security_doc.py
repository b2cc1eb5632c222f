"""The threat model names every layer that the report of a node knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from picloud.domain.isolation import IsolationLevel
from picloud.executor.isolation import HINTS, REQUIRED

DOC = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(\w+)`", DOC))


@pytest.mark.parametrize("layer", sorted({*REQUIRED, *HINTS}))
def test_every_layer_has_a_place_in_the_table(layer: str) -> None:
    rows = [line for line in DOC.splitlines() if line.startswith("|") and f"`{layer}`" in line]
    assert rows


@pytest.mark.parametrize("level", IsolationLevel)
def test_every_level_is_explained(level: IsolationLevel) -> None:
    assert level.value in NAMED
