"""Requests per second and script: a bucket of tokens that holds one second's worth."""

from __future__ import annotations

from typing import Final
from uuid import UUID

_REMEMBERED: Final = 10_000


class Rates:
    """The buckets of this node, by script. A bucket nobody took from for a second is full."""

    def __init__(self) -> None:
        self._full_at: dict[UUID, float] = {}

    def take(self, script_id: UUID, rate: int, now: float) -> float:
        """Take one token.

        Args:
            script_id: whose bucket.
            rate: tokens per second, at least 1.
            now: monotonic seconds.

        Returns: 0.0, or the seconds until there is a token.
        """
        full_at = max(self._full_at.get(script_id, 0.0), now)
        empty_at = now + 1.0
        cost = 1.0 / rate
        if full_at + cost > empty_at + 1e-9:
            return full_at + cost - empty_at
        if len(self._full_at) >= _REMEMBERED:
            self._full_at = {each: at for each, at in self._full_at.items() if at > now}
        self._full_at[script_id] = full_at + cost
        return 0.0
