"""The real sandbox host in the jail: Pyodide boots, imports and answers under the default kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picloud import assets
from picloud.executor.exchange import Exchange
from picloud.executor.link import Link, connect
from picloud.executor.runtime import Runtime
from picloud.executor.sandbox_process import SandboxProcess, Spawner
from support import sandboxes

SOURCE = b"""
import hashlib, json, os, random, sqlite3, threading, time, zlib

def handler(request):
    return globals()[request.path.strip("/")]()

def work():
    time.sleep(0.01)
    sqlite3.connect(":memory:").execute("select 1").fetchone()
    zlib.compress(os.urandom(100_000))
    return [hashlib.sha256(b"x" * 1_000_000).hexdigest()[:8], 0 <= random.random() < 1]

def fill():
    kept = []
    try:
        while True:
            kept.append(bytearray(16 << 20))
    except MemoryError:
        return ["MemoryError", len(kept) > 0]

def deep():
    def recurse(n):
        return recurse(n + 1)
    nested = []
    for _ in range(50_000):
        nested = [nested]
    caught = 0
    for attempt in (lambda: recurse(0), lambda: json.loads("[" * 100_000), lambda: repr(nested)):
        try:
            attempt()
        except (RecursionError, ValueError):
            caught += 1
    return [caught]

def shell():
    return [os.system("echo run > " + SHELL_FILE)]

def passwd():
    try:
        return [open("/etc/passwd").read()]
    except OSError:
        return ["OSError"]
"""
HEAD = {
    "app": "demo",
    "script": "all",
    "version": 1,
    "filename": "all.py",
    "entry_points": None,
    "timeout_ms": 30_000,
    "memory_mb": 128,
    "log_bytes": 262_144,
    "log_line_bytes": 65_536,
    "answer_bytes": 10_000_000,
}


class Host:
    """A sandbox with the script above."""

    def __init__(self, process: SandboxProcess, link: Link) -> None:
        self.process = process
        self._link = link

    async def call(self, name: str) -> bytes:
        """The body of the answer."""
        lines = ["0" * 32, "30000", "GET", f"/{name}", "", "127.0.0.1", "", "http", ""]
        loop = asyncio.get_running_loop()
        exchange = Exchange(loop, "\n".join(lines).encode(), b"")
        self._link.start(exchange, loop.time())
        async with asyncio.timeout(60):
            payload = await exchange.response
        length = int.from_bytes(payload[:4], "little")
        assert payload[4:7] == b"200", payload
        return payload[4 + length :]


@pytest.fixture
async def real(spawner: Spawner, place: Path) -> AsyncIterator[Host]:
    """The built host, booted in full: no snapshot is needed for it."""
    open_to_all = place / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    runtime = Runtime.find(sandbox_host=assets.sandbox_host(), snapshot=None)
    process = await spawner.spawn(runtime.jail())
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    link = await connect(process.link, on_lost=lambda _: lost.set_result(None), timeout=60)
    source = f"SHELL_FILE = {str(open_to_all / 'shell')!r}\n".encode() + SOURCE
    await link.bind(HEAD, source, 60)
    yield Host(process, link)
    link.close()
    await lost
    await sandboxes.ended(process)


async def test_python_runs_in_the_jail_and_has_no_way_out_of_it(real: Host, place: Path) -> None:
    assert await real.call("work") == b'["1b977e9f", true]'
    assert await real.call("passwd") == b'["OSError"]'
    await real.call("shell")
    assert not (place / "open" / "shell").exists()
    assert not real.process.exited.done()


async def test_deep_recursion_has_the_stack_for_it(real: Host) -> None:
    assert await real.call("deep") == b"[2]"
    assert not real.process.exited.done()


async def test_running_out_of_memory_is_an_error_in_python(real: Host) -> None:
    assert await real.call("fill") == b'["MemoryError", true]'
    assert (await real.call("passwd")) == b'["OSError"]'
