"""A real node process for tests, with the few rows of the control plane it needs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from picloud.domain.ids import IdMaker
from picloud.domain.limits import Isolation, Limits
from picloud.store.database import Pool

SERVER = Path(__file__).parents[2] / "server"
NODE = "picloud.orchestrator"
START_SECONDS = 30.0
IDS = IdMaker()


class NodeProcess:
    """A running node, its HTTP client and its database."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        client: httpx.AsyncClient,
        pool: Pool,
        log: Path,
        socket: Path,
    ) -> None:
        self.process = process
        self.client = client
        self.pool = pool
        self.log = log
        self.socket = socket

    async def deploy(
        self,
        script: str,
        source: str,
        *,
        app: str = "demo",
        kind: str = "sync",
        limits: Limits | None = None,
        isolation: Isolation = Isolation.SANDBOX,
        method: str | None = None,
        pattern: str | None = None,
    ) -> UUID:
        """Make a version serve, as the manager would; returns when this node serves it."""
        async with self.pool.acquire() as db, db.transaction():
            app_id = await _app(db, app)
            script_id = await db.fetchval(
                "SELECT id FROM scripts WHERE app_id = $1 AND name = $2", app_id, script
            )
            now = datetime.now(UTC)
            if script_id is None:
                script_id = IDS.new()
                await db.execute(
                    "INSERT INTO scripts (id, app_id, name, created_at) VALUES ($1, $2, $3, $4)",
                    script_id,
                    app_id,
                    script,
                    now,
                )
                await db.execute(
                    "INSERT INTO routes (id, app_id, script_id, method, pattern, created_at) "
                    "VALUES ($1, $2, $3, $4, $5, $6)",
                    IDS.new(),
                    app_id,
                    script_id,
                    method,
                    pattern or f"/{script}",
                    now,
                )
            version_id = await _version(db, script_id, source, kind, limits or Limits(), isolation)
            await db.execute("SELECT pg_notify('picloud_routes', '')")
        await self.settle()
        return version_id

    async def settle(self) -> None:
        """Wait until this node has loaded what was committed."""
        # The node has loaded the table once it has been idle in LISTEN after our commit.
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            while not await self.pool.fetchval(  # noqa: ASYNC110  # another process
                "SELECT bool_and(state = 'idle') FROM pg_stat_activity "
                "WHERE application_name = 'picloud-node-feed' AND datname = current_database()"
            ):
                await asyncio.sleep(0.01)

    async def invocations(self, count: int) -> list[asyncpg.Record]:
        """The records, once there are so many."""
        return await self._rows("SELECT * FROM invocations ORDER BY seq", count)

    async def logs(self, count: int) -> list[asyncpg.Record]:
        """The log records, once there are so many."""
        return await self._rows("SELECT * FROM log_records ORDER BY seq", count)

    async def _rows(self, query: str, count: int) -> list[asyncpg.Record]:
        async with asyncio.timeout(10):
            while True:
                rows = await self.pool.fetch(query)
                if len(rows) >= count:
                    return rows
                await asyncio.sleep(0.02)

    def sandbox_pids(self) -> list[int]:
        """The jailed processes of this node, found by their command line and ancestry."""
        return [pid for pid in _descendants(self.process.pid) if b"main.js" in _command(pid)]


@asynccontextmanager
async def running_node(
    pool: Pool,
    database_url: str,
    snapshot: Path,
    settings: Mapping[str, str] | None = None,
    before: str = "",
) -> AsyncIterator[NodeProcess]:
    """Start a node, wait until it is ready, stop it by SIGTERM at the end.

    `before` is Python code that its process runs first.
    """
    with tempfile.TemporaryDirectory(prefix="pic node ") as directory:
        socket = Path(directory) / "n.sock"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SERVER),
            "PICLOUD_DATA_DIR": directory,
            "PICLOUD_DATABASE_URL": database_url,
            "PICLOUD_NODE_LISTEN": f"unix:{socket}",
            "PICLOUD_SNAPSHOT": str(snapshot),
            **(settings or {}),
        }
        log = Path(directory) / "node.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                f"{before}import runpy; runpy.run_module({NODE!r}, run_name='__main__')",
                env=environment,
                stderr=output,
                stdout=output,
            )
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30)
        try:
            async with client:
                await _until_ready(client, process, log)
                yield NodeProcess(process, client, pool, log, socket)
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 20)


async def _until_ready(
    client: httpx.AsyncClient, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the node ended: {log.read_text()}")  # noqa: ASYNC240  # a small file
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)


async def _app(db: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], name: str) -> UUID:
    found: UUID | None = await db.fetchval("SELECT id FROM apps WHERE name = $1", name)
    if found is not None:
        return found
    now, owner, app_id = datetime.now(UTC), IDS.new(), IDS.new()
    await db.execute(
        "INSERT INTO users (id, email, password_hash, role, created_at) "
        "VALUES ($1, $2, 'x', 'admin', $3)",
        owner,
        f"{owner}@example.com",
        now,
    )
    await db.execute(
        "INSERT INTO apps (id, name, created_by, created_at) VALUES ($1, $2, $3, $4)",
        app_id,
        name,
        owner,
        now,
    )
    return app_id


async def _version(
    db: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    script_id: UUID,
    source: str,
    kind: str,
    limits: Limits,
    isolation: Isolation,
) -> UUID:
    version_id, deployment_id, now = IDS.new(), IDS.new(), datetime.now(UTC)
    creator = await db.fetchval("SELECT id FROM users LIMIT 1")
    number = await db.fetchval(
        "SELECT coalesce(max(number), 0) + 1 FROM versions WHERE script_id = $1", script_id
    )
    await db.execute(
        "INSERT INTO versions (id, script_id, number, source, source_digest, filename, "
        "entry_points, kind, runtime, limits, isolation, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5, 'script.py', '{handler}', $6, '314.0.7', $7, $8, $9, $10)",
        version_id,
        script_id,
        number,
        source,
        hashlib.sha256(source.encode()).digest(),
        kind,
        limits.to_json(),
        isolation,
        creator,
        now,
    )
    await db.execute(
        "INSERT INTO deployments (id, script_id, version_id, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5)",
        deployment_id,
        script_id,
        version_id,
        creator,
        now,
    )
    await db.execute(
        "UPDATE scripts SET active_deployment_id = $2 WHERE id = $1", script_id, deployment_id
    )
    return version_id


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {root})


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
