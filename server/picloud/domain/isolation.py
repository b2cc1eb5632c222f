"""How far the scripts of one machine are kept apart from it and from each other."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


class IsolationLevel(enum.Enum):
    """What a jail amounts to; docs/isolation.md defines each."""

    FULL = "full"
    PORTABLE = "portable"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class IsolationLayer:
    """One layer: whether it held when tried, and which variant or why not."""

    name: str
    active: bool
    detail: str


@dataclass(frozen=True, slots=True)
class NodeIsolation:
    """All layers of a node's jail and what they amount to."""

    level: IsolationLevel
    layers: tuple[IsolationLayer, ...]

    def as_json(self) -> dict[str, object]:
        """The value as PostgreSQL and logs keep it."""
        return {"level": self.level.value, "layers": [asdict(layer) for layer in self.layers]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> NodeIsolation:
        """The value of `as_json`; a node that has not told anything yet counts as weak."""
        layers = tuple(IsolationLayer(**layer) for layer in value.get("layers", ()))
        return cls(IsolationLevel(value.get("level", IsolationLevel.WEAK.value)), layers)
