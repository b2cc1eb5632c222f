"""The hub of live tails: one LISTEN connection for all subscribers of this manager.

It is opened for the first subscriber and closed after the last. A NOTIFY names a node with new
records (0: there are deployments); they are read once and handed to all. Polling is not the truth
here, the position is: after every (re)connect, and every few seconds while somebody listens, the
hub looks what it has missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Generic

from picloud.domain.app import require
from picloud.domain.deployment import Deployment
from picloud.domain.failures import NotFound, Unauthenticated
from picloud.domain.invocation import Invocation
from picloud.domain.log_record import LogRecord
from picloud.domain.page import LivePosition
from picloud.errors import Expected
from picloud.manager.clock import Clock
from picloud.manager.identity import look_again
from picloud.manager.subscription import P, Subscription, Wanted
from picloud.store import access, apps, deployments, records, scripts
from picloud.store.database import DATABASE_LOST, Connection, Pool
from picloud.store.records import Feed

logger = logging.getLogger(__name__)

READ_AT_ONCE: Final = 1_000  # records
REPAIR_INTERVAL: Final = 15.0  # seconds; a writer may die between its commit and its NOTIFY
BACK_OFF: Final = 0.1  # seconds before the first reconnect, doubled up to the last
MAX_BACK_OFF: Final = 5.0
CLOSE_TIMEOUT: Final = 2.0


class Stream(Generic[P]):
    """One feed with its subscribers and how far the hub has read it; no position: not yet."""

    def __init__(self, feed: Feed[P]) -> None:
        self.feed = feed
        self.subscribers: set[Subscription[P]] = set()
        self.position: LivePosition | None = None

    async def begin(self, db: Connection) -> None:
        """Take up the stream at its end; subscribers that are behind read for themselves."""
        self.position = await self.feed.position(db)
        for subscriber in self.subscribers:
            subscriber.look()

    async def read_node(self, db: Connection, node_number: int) -> None:
        """Read what is new of one node and hand it on."""
        while self.position is not None:
            asked = frozenset(subscriber.wanted.app_id for subscriber in self.subscribers)
            after = self.position.of(node_number)
            fresh = await self.feed.read(
                db, node_number=node_number, after=after, apps=list(asked), limit=READ_AT_ONCE
            )
            if fresh.upto == after or self.position is None:
                return
            self.position = self.position.advanced(node_number, fresh.upto)
            for subscriber in self.subscribers:
                # Who came while the read was under way is not in it, and reads the gap.
                if subscriber.wanted.app_id in asked:
                    subscriber.push(fresh)
                else:
                    subscriber.look()


class Hub:
    """Fans the feeds out. `run` is its loop, for the life of the manager."""

    def __init__(
        self, *, pool: Pool, connect: Callable[[], Awaitable[Connection]], clock: Clock
    ) -> None:
        self._pool = pool
        self._connect = connect
        self._clock = clock
        self._logs = Stream(records.LOG_RECORDS)
        self._invocations = Stream(records.INVOCATIONS)
        self._deployments = Stream(deployments.DEPLOYMENTS)
        self._wanted = asyncio.Event()
        self._wake = asyncio.Event()
        self._dirty: set[int] = set()
        self._look_everywhere = True
        self._changed: set[str] | None = set()  # whose rights; None: anybody's

    def log_records(
        self, wanted: Wanted[LogRecord], *, after: LivePosition | None
    ) -> contextlib.AbstractAsyncContextManager[Subscription[LogRecord]]:
        """Follow log records after a position, or from now on."""
        return self._subscribe(self._logs, wanted, after)

    def invocations(
        self, wanted: Wanted[Invocation], *, after: LivePosition | None
    ) -> contextlib.AbstractAsyncContextManager[Subscription[Invocation]]:
        """Follow finished invocations after a position, or from now on."""
        return self._subscribe(self._invocations, wanted, after)

    def deployments(
        self, wanted: Wanted[Deployment], *, after: LivePosition | None
    ) -> contextlib.AbstractAsyncContextManager[Subscription[Deployment]]:
        """Follow deployments after a position, or from now on."""
        return self._subscribe(self._deployments, wanted, after)

    async def run(self) -> None:
        """Listen while there are subscribers; reconnect with back-off."""
        delay = BACK_OFF
        while True:
            await self._wanted.wait()
            try:
                async with self._listening() as db:
                    delay = BACK_OFF
                    await self._follow(db)
            except DATABASE_LOST as exc:
                logger.warning("live tail lost the database", extra={"reason": repr(exc)})
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                delay = min(delay * 2, MAX_BACK_OFF)

    @contextlib.asynccontextmanager
    async def _subscribe(
        self, stream: Stream[P], wanted: Wanted[P], after: LivePosition | None
    ) -> AsyncIterator[Subscription[P]]:
        subscription = Subscription(
            pool=self._pool,
            feed=stream.feed,
            wanted=wanted,
            clock=self._clock,
            hub_position=lambda: stream.position,
        )
        stream.subscribers.add(subscription)
        if self._changed is not None:  # rights may have changed since the actor was looked up
            self._changed.add(str(wanted.actor.credential.id))
        self._look_everywhere = self._look_everywhere or stream.position is None
        self._wanted.set()
        self._wake.set()
        try:
            start = after or stream.position or await stream.feed.position(self._pool)
            subscription.position = start
            yield subscription
        finally:
            stream.subscribers.discard(subscription)
            if not stream.subscribers:
                stream.position = None
            if not self._busy():
                self._wanted.clear()
                self._wake.set()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[Connection]:
        db = await self._connect()
        try:
            db.add_termination_listener(lambda _db: self._wake.set())
            await db.add_listener(records.CHANNEL, self._on_records)
            await db.add_listener(access.CHANNEL, self._on_access)
            self._changed = None
            self._look_everywhere = True
            yield db
        finally:
            with contextlib.suppress(*DATABASE_LOST):
                await db.close(timeout=CLOSE_TIMEOUT)

    async def _follow(self, db: Connection) -> None:
        while self._busy():
            if db.is_closed():
                raise ConnectionResetError("the server closed the connection")
            self._wake.clear()
            await self._end_refused(db)
            await self._read(db)
            try:
                async with asyncio.timeout(REPAIR_INTERVAL):
                    await self._wake.wait()
            except TimeoutError:
                self._look_everywhere = True

    async def _read(self, db: Connection) -> None:
        dirty, everywhere = self._dirty, self._look_everywhere
        self._dirty, self._look_everywhere = set(), False
        for stream in self._streams():
            if not stream.subscribers:
                continue
            if stream.position is None:
                await stream.begin(db)
            nodes = dirty
            if everywhere:
                nodes = dirty | set((await stream.feed.position(db)).seen)
            for node_number in nodes:
                await stream.read_node(db, node_number)

    async def _end_refused(self, db: Connection) -> None:
        """End the subscriptions of those who lost the right to them."""
        changed, self._changed = self._changed, set()
        for stream in self._streams():
            for subscriber in list(stream.subscribers):
                if changed is None or not changed.isdisjoint(_depends_on(subscriber.wanted)):
                    refusal = await self._refusal(db, subscriber.wanted)
                    if refusal is not None:
                        subscriber.end(refusal)

    async def _refusal(self, db: Connection, wanted: Wanted[Any]) -> Expected | None:
        actor = await look_again(db, wanted.actor, self._clock)
        if actor is None:
            return Unauthenticated()
        [standing] = await apps.get_standings(db, actor.user.id, [wanted.app_id])
        if standing is None:
            return NotFound(kind="app")
        if wanted.script_id and await scripts.get_scripts(db, [wanted.script_id]) == [None]:
            return NotFound(kind="script")
        try:
            require(
                actor,
                standing.role,
                wanted.permission,
                app_id=wanted.app_id,
                script_id=wanted.script_id,
            )
        except Expected as refusal:
            return refusal
        return None

    def _on_records(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        if isinstance(payload, str) and payload.isdecimal():
            self._dirty.add(int(payload))
        else:
            self._look_everywhere = True
        self._wake.set()

    def _on_access(self, _db: object, _pid: int, _channel: str, payload: object) -> None:
        if self._changed is not None:
            self._changed.add(str(payload))
        self._wake.set()

    def _busy(self) -> bool:
        return any(stream.subscribers for stream in self._streams())

    def _streams(self) -> tuple[Stream[Any], ...]:
        return (self._logs, self._invocations, self._deployments)


def _depends_on(wanted: Wanted[Any]) -> frozenset[str]:
    """Whose rights decide about a subscription, as `access.CHANNEL` names them."""
    actor = wanted.actor
    return frozenset({str(actor.user.id), str(actor.credential.id), str(wanted.app_id)})
