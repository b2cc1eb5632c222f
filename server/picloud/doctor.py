"""What this machine has and lacks, for `picloud doctor`."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from picloud import assets
from picloud.config import Settings
from picloud.domain.isolation import IsolationLevel, NodeIsolation
from picloud.executor.isolation import HINTS, REQUIRED, isolation_report
from picloud.executor.runtime import Runtime, RuntimeMissingError
from picloud.executor.sandbox_process import Spawner
from picloud.ports import holder_of_port
from picloud.setup import snapshot
from picloud.store.key_file import KeyFile, VaultError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. Something not needed that is absent is `ok` all the same."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed."""
    return [
        _python(),
        _program("node", assets.node_binary),
        _program("postgres", lambda: assets.postgres_install() / "bin" / "postgres"),
        _program("caddy", assets.caddy_binary, "version"),
        _file("sandbox host", lambda: assets.sandbox_host() / "dist" / "main.js"),
        _file("playground", lambda: assets.playground() / "index.html"),
        _snapshot(settings),
        _directory("data directory", settings.data_dir),
        _directory("cache directory", settings.cache_dir),
        secrets_key(settings.key_file),
        _port(settings),
        *_isolation(settings),
    ]


def _python() -> Finding:
    machine = f"{platform.system()} {platform.machine()}"
    ok = sys.version_info >= (3, 11) and platform.machine() in ("x86_64", "aarch64")
    return Finding(name="python", ok=ok, detail=f"{platform.python_version()} on {machine}")


def _program(name: str, find: Callable[[], Path], option: str = "--version") -> Finding:
    try:
        command = [str(find()), option]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as fault:
        return Finding(name=name, ok=False, detail=f"does not run: {fault}")
    words = [word for word in done.stdout.split() if any(c.isdigit() for c in word)]
    return Finding(name=name, ok=True, detail=words[0] if words else done.stdout.strip())


def _file(name: str, find: Callable[[], Path]) -> Finding:
    file = find()
    if file.is_file():
        return Finding(name=name, ok=True, detail=str(file.parent))
    return Finding(name=name, ok=False, detail=f"{file} is missing: picloud up makes it")


def secrets_key(path: Path) -> Finding:
    """The key file of the secrets; a machine that has none yet is no fault."""
    name = "key of secrets"
    if not os.path.exists(path):
        return Finding(name=name, ok=True, detail=f"none yet; a first start makes {path}")
    try:
        return Finding(name=name, ok=True, detail=f"{KeyFile(path).id} in {path}")
    except VaultError as fault:
        return Finding(name=name, ok=False, detail=f"{fault.message}: {path}")


def _snapshot(settings: Settings) -> Finding:
    found = settings.snapshot or snapshot.existing(settings.cache_dir)
    if found is None:
        return Finding(name="memory snapshot", ok=False, detail="missing: picloud up makes it")
    return Finding(name="memory snapshot", ok=found.is_file(), detail=str(found))


def _directory(name: str, directory: Path) -> Finding:
    nearest = directory
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    ok = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    state = "writable" if ok else "not writable"
    if ok and nearest != directory:
        state = "will be made at the first start"
    return Finding(name=name, ok=ok, detail=f"{directory}: {state}")


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as fault:
            holder = holder_of_port(settings.port) or "another process"
            ours = holder.startswith("caddy")
            said = f"in use by {holder}" if holder else str(fault.strerror)
            return Finding(name="port", ok=ours, detail=f"{where} is {said}")
    return Finding(name="port", ok=True, detail=f"{where} is free")


def _isolation(settings: Settings) -> Iterator[Finding]:
    try:
        found = asyncio.run(_try_isolation(settings))
    except RuntimeMissingError as error:
        yield Finding(name="isolation", ok=False, detail=f"cannot be tried: {error}")
        return
    weak = found.level is IsolationLevel.WEAK
    allowed = "; PICLOUD_ALLOW_WEAK_ISOLATION allows weak isolation"
    detail = found.level.value + (allowed if settings.allow_weak_isolation else "")
    yield Finding(name="isolation", ok=not weak or settings.allow_weak_isolation, detail=detail)
    for layer in found.layers:
        said = [layer.detail] if layer.detail else []
        if not layer.active and layer.name in HINTS:
            said.append(f"to have it: {HINTS[layer.name]}")
        state = "active" if layer.active else "not active"
        yield Finding(
            name=f"isolation: {layer.name}",
            ok=layer.active or layer.name not in REQUIRED or settings.allow_weak_isolation,
            detail=": ".join([state, "; ".join(said)] if said else [state]),
        )


async def _try_isolation(settings: Settings) -> NodeIsolation:
    runtime = Runtime.find(
        sandbox_host=assets.sandbox_host(),
        snapshot=settings.snapshot or snapshot.existing(settings.cache_dir),
    )
    spawner = Spawner()
    try:
        return await isolation_report(runtime.jail(), spawner)
    finally:
        await spawner.close()
