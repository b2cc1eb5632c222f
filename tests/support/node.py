"""A real node process for tests, with the few rows of the control plane it needs."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from picloud.domain.deployment import Deployment, DeploymentKind, Target, heaviest_first
from picloud.domain.ids import IdMaker
from picloud.domain.limits import Isolation, Limits
from picloud.domain.script import Version
from picloud.domain.source import Source
from picloud.executor.link import NO_FILES
from picloud.store import deployments, versions
from picloud.store.database import Pool, PoolConnection

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
        files: Mapping[str, bytes] = NO_FILES,
    ) -> UUID:
        """Make a version serve, as the manager would; returns when this node serves it."""
        uploaded = Source("main.py" if files else "script.py", source, files)
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
            version = Version(
                id=IDS.new(),
                script_id=script_id,
                number=0,
                source_digest=uploaded.digest,
                filename=uploaded.filename,
                entry_points=("handler",),
                kind=kind,
                runtime="314.0.7",
                limits=limits or Limits(),
                isolation=isolation,
                message=None,
                created_by=await db.fetchval("SELECT id FROM users LIMIT 1"),
                created_at=now,
            )
            await versions.add_version(db, version, source=uploaded)
            await _activate(db, script_id, [Target(version.id)])
        await self.settle()
        return version.id

    async def share(self, shares: Mapping[UUID, int]) -> None:
        """Let versions of one script share its requests; returns when this node does it."""
        async with self.pool.acquire() as db, db.transaction():
            script_id = await db.fetchval(
                "SELECT script_id FROM versions WHERE id = $1", next(iter(shares))
            )
            await _activate(db, script_id, [Target(*share) for share in shares.items()])
        await self.settle()

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


async def _app(db: PoolConnection, name: str) -> UUID:
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


async def _activate(db: PoolConnection, script_id: UUID, targets: Sequence[Target]) -> None:
    script = await db.fetchrow("SELECT * FROM scripts WHERE id = $1", script_id)
    assert script is not None
    deployment = Deployment(
        id=IDS.new(),
        seq=await deployments.next_seq(db),
        app_id=script["app_id"],
        script_id=script_id,
        kind=DeploymentKind.DEPLOY if len(targets) == 1 else DeploymentKind.SPLIT,
        targets=heaviest_first(targets),
        previous_id=script["active_deployment_id"],
        message=None,
        created_by=None,
        created_at=datetime.now(UTC),
    )
    await deployments.add_deployment(db, deployment)
    await db.execute("SELECT pg_notify('picloud_routes', '')")


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
