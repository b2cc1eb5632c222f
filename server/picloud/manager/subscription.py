"""One subscriber's view of a feed: every record once, in order for each node, whatever happens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from picloud.domain.app import Permission
from picloud.domain.failures import Unauthenticated
from picloud.domain.page import LivePosition
from picloud.domain.user import Actor
from picloud.errors import Expected
from picloud.manager.clock import Clock
from picloud.store.database import Pool
from picloud.store.records import Feed, Fresh

MAX_QUEUED: Final = 2_000  # records; who is slower reads the database
MAX_QUEUED_TEXT: Final = 1_000_000  # characters of them
CATCH_UP: Final = 500  # records per read


class Placed(Protocol):
    """A record with its place in its node's stream."""

    @property
    def node_number(self) -> int:
        """The node that wrote it."""

    @property
    def seq(self) -> int:
        """Its place there."""


P = TypeVar("P", bound=Placed)


@dataclass(frozen=True, slots=True)
class Seen(Generic[P]):
    """A record and the position after it. `lagged`: so much waited that it was let go."""

    record: P
    position: LivePosition
    lagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Generic[P]):
    """Whose records, which of them, and for whom."""

    app_id: UUID
    script_id: UUID | None  # None: the whole app's
    matches: Callable[[P], bool]
    actor: Actor
    permission: Permission = Permission.LOGS_READ


class Subscription(Generic[P]):
    """Follows the hub by its queue, and the database wherever the queue has a gap.

    The position is the truth. A batch continues it, repeats it (and is dropped), or leaves a gap,
    as after an overflow, a reconnect, or with an old `after`: then the gap is read from the
    database.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        feed: Feed[P],
        wanted: Wanted[P],
        clock: Clock,
        hub_position: Callable[[], LivePosition | None],
    ) -> None:
        self._pool = pool
        self._feed = feed
        self._clock = clock
        self._hub_position = hub_position
        self._queue: deque[Fresh[P]] = deque()
        self._queued = 0
        self._queued_text = 0
        self._lagged = False
        self._wake = asyncio.Event()
        self._refusal: Expected | None = None
        self.wanted = wanted
        self.position = LivePosition({})

    def push(self, fresh: Fresh[P]) -> None:
        """Take a batch; a full queue is emptied, and the gap is read later."""
        queued, text = self._queued + len(fresh.records), self._queued_text + fresh.text_length
        if queued > MAX_QUEUED or text > MAX_QUEUED_TEXT:
            self._lagged = True
            self._forget_queue()
        else:
            self._queue.append(fresh)
            self._queued, self._queued_text = queued, text
        self._wake.set()

    def look(self) -> None:
        """The hub's position changed by other means than a batch."""
        self._wake.set()

    def end(self, refusal: Expected) -> None:
        """The actor may not follow any more."""
        self._refusal = refusal
        self._wake.set()

    async def records(self) -> AsyncIterator[Seen[P]]:
        """The records as they come, until the actor may not see them.

        Raises `Unauthenticated` when the session or token is over, `NotFound` or
        `PermissionDenied` when the role in the app is.
        """
        while True:
            self._wake.clear()
            while fresh := await self._next():
                for seen in self._advance(fresh):
                    yield seen
                if self._refusal:
                    break
            else:
                self._lagged = False
            await self._sleep()

    def _forget_queue(self) -> None:
        self._queue.clear()
        self._queued = self._queued_text = 0

    async def _next(self) -> Fresh[P] | None:
        """The next batch that continues the position, None when there is nothing to see."""
        while self._queue:
            fresh = self._queue.popleft()
            self._queued -= len(fresh.records)
            self._queued_text -= fresh.text_length
            at = self.position.of(fresh.node_number)
            if fresh.after <= at < fresh.upto:
                return fresh
            if at < fresh.after:
                self._forget_queue()  # all of it is at or before the hub's position
        hub = self._hub_position()
        for node_number, upto in hub.seen.items() if hub else ():
            if self.position.of(node_number) < upto:
                return await self._catch_up(node_number, upto)
        return None

    async def _catch_up(self, node_number: int, upto: int) -> Fresh[P]:
        after = self.position.of(node_number)
        fresh = await self._feed.read(
            self._pool,
            node_number=node_number,
            after=after,
            upto=upto,
            apps=[self.wanted.app_id],
            limit=CATCH_UP,
        )
        if fresh.upto > after:
            return fresh
        # What lay between was deleted meanwhile.
        return Fresh(node_number=node_number, after=after, upto=upto, records=())

    def _advance(self, fresh: Fresh[P]) -> list[Seen[P]]:
        seen = []
        at = self.position.of(fresh.node_number)
        for record in fresh.records:
            if record.seq > at and self._is_wanted(record):
                position = self.position.advanced(fresh.node_number, record.seq)
                seen.append(Seen(record, position, self._lagged))
        self.position = self.position.advanced(fresh.node_number, fresh.upto)
        return seen

    def _is_wanted(self, record: P) -> bool:
        return self.wanted.matches(record)

    async def _sleep(self) -> None:
        ends_at = self.wanted.actor.credential.expires_at
        left = (ends_at - self._clock()).total_seconds() if ends_at else None
        try:
            async with asyncio.timeout(left):
                if not self._refusal:
                    await self._wake.wait()
        except TimeoutError:
            self._refusal = Unauthenticated()
        if self._refusal:
            raise self._refusal
