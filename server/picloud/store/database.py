"""Connections to PostgreSQL: the pool, and what a query may run on.

A pool opens connections when they are needed and drops them when they are not, so an idle process
holds none and sends no statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
    PoolConnection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record]
    Executor = Pool | PoolConnection | Connection
else:
    Pool = PoolConnection = Connection = Executor = object

# What a statement raises when its connection breaks. RuntimeError is the event loop's word for a
# transport that closed between two of the driver's writes.
DATABASE_LOST: Final = (
    OSError,
    TimeoutError,
    RuntimeError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
CONNECT_TIMEOUT: Final = 10.0  # seconds
STATEMENT_TIMEOUT_MS: Final = 15_000
LOCK_TIMEOUT_MS: Final = 5_000
IDLE_TRANSACTION_TIMEOUT_MS: Final = 15_000
INACTIVE_LIFETIME: Final = 60.0  # seconds until an unused connection is closed


def server_settings(name: str) -> dict[str, str]:
    """The limits every session of ours has, and the name it goes by in pg_stat_activity."""
    return {
        "application_name": name,
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_TRANSACTION_TIMEOUT_MS),
        "timezone": "UTC",
    }


def make_pool(dsn: str, *, name: str, max_size: int = 8) -> Pool:
    """A pool that is not open yet: `async with make_pool(...) as pool`."""
    return asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=max_size,
        max_inactive_connection_lifetime=INACTIVE_LIFETIME,
        timeout=CONNECT_TIMEOUT,
        command_timeout=STATEMENT_TIMEOUT_MS / 1000 + 5,
        server_settings=server_settings(name),
    )


async def connect(dsn: str, *, name: str) -> Connection:
    """One connection of its own, for LISTEN or for migrations."""
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT,
        command_timeout=STATEMENT_TIMEOUT_MS / 1000 + 5,
        server_settings=server_settings(name),
    )
