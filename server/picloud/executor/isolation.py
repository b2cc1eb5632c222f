"""Which layers of the jail are active on this machine: found out by trying, not by version."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from picloud.domain.isolation import IsolationLayer, IsolationLevel, NodeIsolation
from picloud.errors import PlatformError
from picloud.executor import self_test
from picloud.executor.jail.spec import JailSpec
from picloud.executor.sandbox_process import Spawner, SpawnError

SELF_TEST: Final = "self_test"
# Without these a sandbox is no boundary between tenants.
REQUIRED: Final = (
    "no_new_privs", "capabilities", "rlimits", "landlock", "seccomp", SELF_TEST,
)  # fmt: skip
# With these as well, and with one of the two below, its isolation is full.
_NAMESPACES: Final = (
    "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace", "uts_namespace",
)  # fmt: skip
_OWN_USER: Final = ("private_user", "user_namespace")

_USER_NAMESPACES: Final = "run as root, or allow user namespaces to ordinary users"
# How to get what is missing.
HINTS: Final = {
    "no_new_privs": "Linux 3.5 or newer",
    "capabilities": "start the node without a security module that forbids capset",
    "rlimits": "start the node without limits above its hard limits",
    "landlock": "Linux 5.13 or newer, with landlock among the security modules (lsm=)",
    "seccomp": "a kernel with CONFIG_SECCOMP_FILTER",
    "private_user": "start the node as root, with its files readable by all",
    "user_namespace": "allow user namespaces (sysctl user.max_user_namespaces, AppArmor)",
    **dict.fromkeys(_NAMESPACES, _USER_NAMESPACES),
    **dict.fromkeys(
        ("cgroup_memory", "cgroup_pids", "cgroup_cpu"),
        "run as root, or as a systemd service with Delegate=yes",
    ),
}


class IsolationError(PlatformError):
    """This machine lacks a layer of the jail."""

    code = "isolation_missing"


def judge(layers: tuple[IsolationLayer, ...]) -> NodeIsolation:
    """What these layers amount to."""
    active = {layer.name for layer in layers if layer.active}
    if not active.issuperset(REQUIRED):
        level = IsolationLevel.WEAK
    elif active.issuperset(_NAMESPACES) and not active.isdisjoint(_OWN_USER):
        level = IsolationLevel.FULL
    else:
        level = IsolationLevel.PORTABLE
    return NodeIsolation(level, layers)


def missing(isolation: NodeIsolation) -> list[IsolationLayer]:
    """Layers without which the node refuses to serve."""
    return [layer for layer in isolation.layers if layer.name in REQUIRED and not layer.active]


def require(isolation: NodeIsolation, *, allow_weak: bool) -> None:
    """Raise IsolationError if it is weak and that is not allowed."""
    if isolation.level is IsolationLevel.WEAK and not allow_weak:
        faults = "; ".join(f"{layer.name}: {layer.detail}" for layer in missing(isolation))
        raise IsolationError(
            f"scripts would not be isolated here ({faults}). "
            "PICLOUD_ALLOW_WEAK_ISOLATION=1 serves all the same"
        )


async def isolation_report(jail: JailSpec, spawner: Spawner) -> NodeIsolation:
    """Try every layer of this jail, and the whole of it from inside. Takes some 100 ms."""
    jail = replace(jail, allow_weak=True)  # to see what is left where a layer is missing
    found, tested = await asyncio.gather(_layers(jail, spawner), _self_test(jail, spawner))
    return judge((*found, tested))


async def _layers(jail: JailSpec, spawner: Spawner) -> list[IsolationLayer]:
    try:
        return [IsolationLayer(**layer) for layer in await spawner.layers(jail)]
    except SpawnError as error:
        return [IsolationLayer(name, False, str(error)) for name in REQUIRED if name != SELF_TEST]


async def _self_test(jail: JailSpec, spawner: Spawner) -> IsolationLayer:
    try:
        found = await self_test.breaches(jail, spawner)
    except SpawnError as error:
        return IsolationLayer(SELF_TEST, False, str(error))
    if found:
        return IsolationLayer(SELF_TEST, False, f"from inside a sandbox one can {', '.join(found)}")
    return IsolationLayer(SELF_TEST, True, "nothing tried from inside a sandbox succeeded")
