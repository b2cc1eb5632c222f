"""What the platform costs while nothing happens: statements, CPU and memory.

Statements are counted by PostgreSQL itself. `pg_stat_activity` has for every connection when its
latest statement began, and `pg_stat_database` how many sessions were ever opened: when no
connection's statement lies in the window and no session was opened in it, we sent none. What is
found otherwise is a lower bound of the count, and the number of transactions, in which
autovacuum's own are counted too, stands beside it. We look from another database, so that
looking is not counted.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from picloud.bench import procfs
from picloud.bench.own import MB, NotMeasuredError, row
from picloud.bench.platform import Platform
from picloud.bench.results import Row
from picloud.postgres import DATABASE, ROLE

# Seconds after the last request: PostgreSQL's processes write their counters within 10 s.
_CALM: Final = 12.0
_COUNTERS: Final = """
SELECT sessions, xact_commit + xact_rollback AS transactions, clock_timestamp() AS at
FROM pg_stat_database WHERE datname = $1
"""
_RECENT: Final = """
SELECT application_name, query FROM pg_stat_activity
WHERE datname = $1 AND backend_type = 'client backend' AND query_start > $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What reached the database within the window."""

    recent: tuple[str, ...]
    sessions: int
    transactions: int

    @property
    def count(self) -> int:
        """At least so many statements."""
        return len(self.recent) + self.sessions

    def note(self, seconds: float) -> str:
        """How it was found, and the first statements."""
        text = f"{seconds:.0f} s: {len(self.recent)} connections ran one, {self.sessions} opened, "
        text += f"{self.transactions} transactions with autovacuum's"
        if self.recent:
            text += "; " + "; ".join(" ".join(query.split())[:80] for query in self.recent[:3])
        return text


def measure(platform: Platform, seconds: float) -> list[Row]:
    """The three rows, over one window in which nobody calls."""
    platform.settle()
    time.sleep(_CALM)
    sockets = socket_directory(platform.pids())
    statements, used = asyncio.run(_window(sockets, seconds, lambda: _cpu(platform.pid)))
    used = max(0.0, used)  # children that ended are counted in whole ticks: it can come out below 0
    percent = 100 * used / seconds
    return [
        row("idle/sql", statements.count, statements.note(seconds)),
        row("idle/cpu", percent, f"{1000 * used:.1f} ms of CPU in {seconds:.0f} s"),
        _memory(platform),
    ]


def _memory(platform: Platform) -> Row:
    try:
        sizes = [procfs.pss(pid) / MB for pid in platform.pids()]
    except PermissionError as fault:
        return row("idle/memory", None, f"the memory of the sandboxes is hidden: {fault}")
    boxes = len(platform.sandboxes())
    return row("idle/memory", sum(sizes), f"{len(sizes)} processes, {boxes} of them sandboxes")


def socket_directory(pids: list[int]) -> str:
    """Where the platform's PostgreSQL listens; its own pid file says so."""
    for pid in pids:
        try:
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) != "postgres":
                continue
            lines = Path(f"/proc/{pid}/cwd/postmaster.pid").read_text("utf-8").splitlines()
        except OSError:
            continue
        return lines[4]
    raise NotMeasuredError("no PostgreSQL of the platform was found")


def _cpu(root: int) -> float:
    """CPU time of the tree, with that of children that have ended."""
    processes = procfs.tree(procfs.table(), {root})
    seconds = procfs.run_seconds(process.pid for process in processes)
    if seconds is None:
        raise NotMeasuredError("this kernel keeps no exact count of CPU time")
    return seconds + sum(process.waited for process in processes) / procfs.TICKS


async def _window(
    sockets: str, seconds: float, cpu: Callable[[], float]
) -> tuple[Statements, float]:
    url = f"postgresql://{ROLE}@/postgres?host={quote(sockets, safe='')}"
    before = await look(url, DATABASE)
    used = cpu()
    await asyncio.sleep(seconds)
    used = cpu() - used
    after = await look(url, DATABASE, since=before)
    return after.statements, used


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The counters at one moment, and what was found since an earlier one."""

    sessions: int
    transactions: int
    at: object
    statements: Statements


async def look(url: str, database: str, since: Look | None = None) -> Look:
    """Read a database's counters from another one, `url`, and leave again: our own connection
    must not be part of the window."""
    connection = await asyncpg.connect(url)
    try:
        now = await connection.fetchrow(_COUNTERS, database)
        recent = () if since is None else await connection.fetch(_RECENT, database, since.at)
    finally:
        await connection.close()
    if now is None:
        raise NotMeasuredError(f"there is no database {database}")
    first = since or Look(
        sessions=now["sessions"], transactions=now["transactions"], at=now["at"],
        statements=Statements(recent=(), sessions=0, transactions=0),
    )  # fmt: skip
    return Look(
        sessions=now["sessions"],
        transactions=now["transactions"],
        at=now["at"],
        statements=Statements(
            recent=tuple(str(record["query"]) for record in recent),
            sessions=now["sessions"] - first.sessions,
            transactions=now["transactions"] - first.transactions,
        ),
    )
