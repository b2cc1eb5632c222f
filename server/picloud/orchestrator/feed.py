"""What the database tells a node: changes of routing and of rights, and source checks.

A listening connection wakes us; after every (re)connect everything is read again, so a missed
notification costs nothing. While the database is away the node goes on with what it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.orchestrator.routing import RoutingTable
from picloud.store import access, checks, routing
from picloud.store.app_names import load_aliases
from picloud.store.database import DATABASE_LOST, connect
from picloud.store.key_file import VaultError

if TYPE_CHECKING:
    from picloud.domain.limits import Limits
    from picloud.orchestrator.callers import Callers
    from picloud.orchestrator.checks import SourceChecker
    from picloud.orchestrator.dispatch import Dispatcher
    from picloud.store.database import Connection
    from picloud.store.routing import RouteRow

logger = logging.getLogger(__name__)

BACK_OFF_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)


def _within(ceilings: Limits, rows: Iterable[RouteRow]) -> Iterator[RouteRow]:
    """Routes with the limits that hold here: a ceiling may have been lowered since the deploy."""
    held: dict[Limits, Limits] = {}  # most versions have the same
    for row in rows:
        if row.limits not in held:
            held[row.limits] = row.limits.within(ceilings)
        yield replace(row, limits=held[row.limits])


class Feed:
    """Keeps routing fresh and hands checks to the checker. `synced` is set after the first load."""

    def __init__(
        self,
        dsn: str,
        *,
        dispatcher: Dispatcher,
        checker: SourceChecker,
        callers: Callers,
        ceilings: Limits,
        on_connect: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self.synced = asyncio.Event()
        self._dsn = dsn
        self._dispatcher = dispatcher
        self._checker = checker
        self._callers = callers
        self._ceilings = ceilings
        self._on_connect = on_connect
        self._wake = asyncio.Event()
        self._routes_changed = True
        self._checks: list[UUID] = []

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Listen for ever, reconnecting with back-off; checks run as `tasks`."""
        attempt = 0
        while True:
            try:
                await self._listen(tasks)
                attempt = 0
            except DATABASE_LOST as error:
                logger.warning("the node waits for PostgreSQL: %s", error)
                wait = BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS) - 1)]
                attempt += 1
                await asyncio.sleep(wait)

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        """One connection's life; returns when it is lost."""
        connection = await connect(self._dsn, name="picloud-node-feed")
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: self._lost(lost))
        try:
            await self._on_connect(connection)
            await connection.add_listener(routing.CHANNEL, self._on_routes)
            await connection.add_listener(checks.CHECKS, self._on_check)
            await connection.add_listener(access.CHANNEL, self._on_access)
            self._callers.forget()  # rights may have changed while nobody listened
            self._routes_changed = True
            await self._catch_up(connection)
            tasks.create_task(self._checker.run_pending())
            while not lost.is_set():
                for check_id in self._checks:
                    tasks.create_task(self._checker.run(check_id))
                self._checks.clear()
                await self._catch_up(connection)
                await self._wake.wait()
                self._wake.clear()
        finally:
            connection.terminate()

    async def _catch_up(self, connection: Connection) -> None:
        while self._routes_changed:
            self._routes_changed = False
            rows = await routing.load_routing(connection)
            aliases = await load_aliases(connection)
            table = RoutingTable(_within(self._ceilings, rows), aliases)
            self._dispatcher.replace_table(table)
            self.synced.set()
            await self._end_deleted(connection)
            await self._fetch_ahead(connection)

    async def _end_deleted(self, connection: Connection) -> None:
        """What no route leads to ends what it runs, unless its script was deleted."""
        unserved = self._dispatcher.unserved()
        if unserved:
            living = await routing.living_scripts(connection, list(unserved))
            self._dispatcher.end_soon(unserved - living)

    async def _fetch_ahead(self, connection: Connection) -> None:
        wanted = self._dispatcher.wanted
        for row in wanted.missing():
            if self._routes_changed:
                return
            try:
                await wanted.learn(connection, row)
            except VaultError as error:  # its requests will say so; others are served
                logger.warning("settings of the app %s: %s", row.app_name, error)

    def _on_routes(self, *_: object) -> None:
        self._routes_changed = True
        self._wake.set()

    def _on_check(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            self._checks.append(UUID(str(payload)))
        except ValueError:
            logger.warning("a notification names no check: %r", payload)
            return
        self._wake.set()

    def _on_access(self, *_: object) -> None:
        self._callers.forget()

    def _lost(self, lost: asyncio.Event) -> None:
        lost.set()
        self._wake.set()
