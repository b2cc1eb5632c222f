"""UUIDv7 keys: they sort by time, and never go backwards within one maker."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_COUNTER_BITS: Final = 12
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0x2 << 62
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 2**48 - 1


class IdMaker:
    """Makes the ids of one process; keep one and hand it down.

    The 12 bits beside the millisecond are a counter (RFC 9562, method 1): ids of one maker only
    grow, also when the clock stands still or is set back.
    """

    def __init__(self, clock_ms: Callable[[], int] | None = None) -> None:
        self._clock_ms = clock_ms or (lambda: time.time_ns() // 1_000_000)
        # Ids are no secrets, and the system's randomness costs a system call each time.
        self._random = random.Random(os.urandom(16))  # noqa: S311
        self._last = 0  # milliseconds and counter in one number

    def new(self) -> UUID:
        """The next id."""
        return UUID(int=self.new_int())

    def new_int(self) -> int:
        """The next id as a number, for the path where a UUID object costs too much."""
        now = self._clock_ms() << _COUNTER_BITS
        self._last = now if now > self._last else self._last + 1
        milliseconds, counter = self._last >> _COUNTER_BITS, self._last & 0xFFF
        tail = self._random.getrandbits(62)
        return milliseconds << 80 | _VERSION | counter << 64 | _VARIANT | tail


def made_at(key: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=key.int >> 80)


def first_id_at(moment: datetime) -> UUID:
    """What sorts before every UUIDv7 made at this time or later, and after all before it."""
    milliseconds = -(-(moment - _EPOCH) // timedelta(milliseconds=1))
    return UUID(int=min(max(milliseconds, 0), _LAST_MS) << 80)
