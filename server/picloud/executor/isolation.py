"""Which layers of the jail are active on this machine: found out by trying, not by version."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Final

from picloud.errors import PlatformError
from picloud.executor.sandbox_process import start_isolated

# Without these a sandbox is no boundary between tenants.
REQUIRED: Final = ("no_new_privs", "landlock", "seccomp")
_PATIENCE: Final = 10.0


class IsolationError(PlatformError):
    """This machine lacks a layer of the jail."""

    code = "isolation_missing"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: whether it held when tried, and what or why not."""

    name: str
    active: bool
    detail: str


@dataclass(frozen=True, slots=True)
class JailReport:
    """All layers, as `picloud doctor` and ClusterNode show them."""

    layers: tuple[Layer, ...]

    @property
    def missing(self) -> tuple[Layer, ...]:
        """Layers without which the node refuses to serve."""
        return tuple(layer for layer in self.layers if layer.name in REQUIRED and not layer.active)

    def as_json(self) -> dict[str, dict[str, object]]:
        """For `cluster_nodes.isolation`."""
        return {
            layer.name: {"active": layer.active, "detail": layer.detail} for layer in self.layers
        }

    def require(self, *, allow_weak: bool) -> None:
        """Raise IsolationError if a needed layer is missing and that is not allowed."""
        if self.missing and not allow_weak:
            faults = "; ".join(f"{layer.name}: {layer.detail}" for layer in self.missing)
            raise IsolationError(
                f"scripts would not be isolated here ({faults}). "
                "PICLOUD_ALLOW_WEAK_ISOLATION=1 serves all the same"
            )


def isolation_report() -> JailReport:
    """Try every layer in short-lived processes. Takes some 50 ms; blocks."""
    process = start_isolated(
        "from picloud.executor.jail.probe import main; main()", stdout=subprocess.PIPE
    )
    with process:
        try:
            output, _ = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            output = b""
    layers = (json.loads(line) for line in output.splitlines())
    found = {layer["name"]: Layer(**layer) for layer in layers}
    unknown = f"the attempt ended with status {process.returncode}"
    names = {**dict.fromkeys(REQUIRED), **found}
    return JailReport(tuple(found.get(name, Layer(name, False, unknown)) for name in names))
