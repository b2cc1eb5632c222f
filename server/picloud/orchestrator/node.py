"""A cluster node: ingress, dispatch, sandboxes and the log pipeline of one machine."""

from __future__ import annotations

import asyncio
import logging
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud import assets
from picloud.domain.ids import IdMaker
from picloud.domain.isolation import IsolationLevel, NodeIsolation
from picloud.errors import PlatformError
from picloud.executor.isolation import IsolationError, isolation_report, require
from picloud.executor.pool import PoolLimits, SandboxPool
from picloud.executor.runtime import Runtime
from picloud.executor.sandbox_process import Spawner
from picloud.executor.usage import machine_memory
from picloud.orchestrator.callers import Callers
from picloud.orchestrator.checks import SourceChecker
from picloud.orchestrator.dispatch import Dispatcher
from picloud.orchestrator.feed import BACK_OFF_SECONDS, Feed
from picloud.orchestrator.gate import Gate
from picloud.orchestrator.ingress import Ingress
from picloud.orchestrator.previews import Previews
from picloud.orchestrator.services import make_services
from picloud.serve import QuietServer, make_config
from picloud.store import cluster_nodes
from picloud.store.database import DATABASE_LOST, connect, make_pool
from picloud.telemetry.writer import RecordWriter

if TYPE_CHECKING:
    from picloud.config import Settings
    from picloud.store.database import Connection

logger = logging.getLogger(__name__)

MB: Final = 1024 * 1024
MEMORY_SHARE: Final = 0.6  # of the machine's memory, for sandboxes, unless a setting says so
PRESENCE_LOCK: Final = 0x70696E  # pg_advisory_lock(class, node number): held while the node lives
_PATIENCE: Final = 60  # tries to reach PostgreSQL and the schema at the start


class NodeTakenError(PlatformError):
    """Another process serves as this node already."""

    code = "node_taken"


class Node:
    """Everything of one machine, started and stopped in order."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise PlatformError("PICLOUD_DATABASE_URL is not set")
        self._settings = settings
        self._dsn = settings.database_url.reveal()
        self._stopping = False
        self._has_booted = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then let invocations in flight end."""
        settings = self._settings
        runtime = Runtime.find(
            sandbox_host=assets.sandbox_host(),
            snapshot=settings.snapshot,
            allow_weak_isolation=settings.allow_weak_isolation,
            max_memory_mb=settings.max_memory_mb,
            loader=settings.loader,
        )
        spawner = Spawner()
        isolation = await self._isolation(runtime, spawner)
        number = await self._register(isolation)
        pool = SandboxPool(runtime, _pool_limits(settings), spawner)
        writer = RecordWriter(
            lambda: connect(self._dsn, name="picloud-node-records"), node_number=number
        )
        async with (
            make_pool(self._dsn, name="picloud-node", max_size=4) as database,
            asyncio.TaskGroup() as tasks,
        ):
            services = await make_services(settings)
            dispatcher = Dispatcher(
                settings=settings, pool=pool, database=database, services=services
            )
            checker = SourceChecker(pool=pool, database=database, keep=dispatcher.keep)
            callers = Callers(database)
            feed = Feed(
                self._dsn,
                callers=callers,
                dispatcher=dispatcher,
                checker=checker,
                ceilings=settings.ceilings,
                on_connect=lambda connection: _hold_presence(connection, number),
            )
            writing = tasks.create_task(writer.run(), name="records")
            booting = tasks.create_task(pool.run(), name="sandboxes")
            feeding = tasks.create_task(feed.run(tasks), name="feed")
            ingress = Ingress(
                dispatcher,
                writer,
                Gate(
                    callers=callers,
                    secrets=dispatcher.secrets_of,
                    failures_per_minute=settings.auth_failures_per_minute,
                ),
                Previews(database, callers, settings.ceilings),
                base_domain=settings.base_domain,
                is_ready=lambda: self._is_ready(feed, pool),
                is_weak=isolation.level is IsolationLevel.WEAK,
            )
            await feed.synced.wait()  # before that a known address would answer 404
            await self._serve(ingress)
            feeding.cancel()
            dispatcher.upkeep.close()
            await pool.close()
            await services.close()
            writer.close()
            await asyncio.wait([writing, booting])

    async def _isolation(self, runtime: Runtime, spawner: Spawner) -> NodeIsolation:
        """Try the jail. Raises IsolationError when it does not hold and that is not allowed."""
        isolation = await isolation_report(runtime.jail(), spawner)
        try:
            require(isolation, allow_weak=self._settings.allow_weak_isolation)
        except IsolationError:
            await spawner.close()
            raise
        if isolation.level is IsolationLevel.WEAK:
            logger.warning("weak_isolation_allowed", extra=isolation.as_json())
        else:
            logger.info("isolation", extra={"level": isolation.level.value})
        return isolation

    async def _serve(self, asgi_app: Ingress) -> None:
        settings = self._settings
        listen = settings.node_listen
        if listen.startswith("unix:"):
            Path(listen.removeprefix("unix:")).parent.mkdir(parents=True, exist_ok=True)
        server = QuietServer(make_config(asgi_app, listen, drain_seconds=settings.drain_seconds))
        await server.serve()
        self._stopping = True

    def _is_ready(self, feed: Feed, pool: SandboxPool) -> bool:
        """Routing is known and a sandbox has booted, or none is wanted ahead."""
        self._has_booted = self._has_booted or pool.blank > 0
        can_run = self._has_booted or self._settings.blank_sandboxes == 0
        return can_run and feed.synced.is_set() and not self._stopping

    async def _register(self, isolation: NodeIsolation) -> int:
        """Take our number, waiting for PostgreSQL and the manager's migrations."""
        node_id = _node_id(self._settings.data_dir)
        for attempt in range(_PATIENCE):
            try:
                connection = await connect(self._dsn, name="picloud-node")
                try:
                    return await cluster_nodes.register(
                        connection,
                        id=node_id,
                        name=socket.gethostname(),
                        started_at=datetime.now(UTC),
                        isolation=isolation,
                    )
                finally:
                    await connection.close()
            except DATABASE_LOST as error:
                logger.info("the node waits for PostgreSQL and its schema: %s", error)
                await asyncio.sleep(BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS) - 1)])
        raise PlatformError("PostgreSQL or its schema did not come within the time to start")


def _pool_limits(settings: Settings) -> PoolLimits:
    return PoolLimits(
        blank_target=settings.blank_sandboxes,
        max_sandboxes=settings.max_sandboxes,
        memory_bytes=settings.sandbox_memory_mb * MB or int(MEMORY_SHARE * machine_memory()),
    )


async def _hold_presence(connection: Connection, number: int) -> None:
    """Say that this node lives, by a lock that PostgreSQL drops with the connection."""
    for _ in range(20):
        if await cluster_nodes.try_presence(connection, PRESENCE_LOCK, number):
            return
        await asyncio.sleep(0.25)  # a killed predecessor's connection may take a moment to end
    raise NodeTakenError(f"another process serves as node {number}; is its data directory shared?")


def _node_id(data_dir: Path) -> UUID:
    """This machine's id, made once and kept in the data directory."""
    file = data_dir / "node-id"
    try:
        return UUID(file.read_text().strip())
    except FileNotFoundError:
        data_dir.mkdir(parents=True, exist_ok=True)
        made = IdMaker().new()
        file.write_text(f"{made}\n")
        return made
