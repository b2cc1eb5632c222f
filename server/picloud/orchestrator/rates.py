"""So many requests in so much time: buckets of tokens that fill steadily."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

_REMEMBERED: Final = 10_000
_MOST: Final = 200_000  # buckets; beyond, those that are nearly full are taken for full


class Rates:
    """The buckets of this node, by key. One that nobody took from for its time is full."""

    def __init__(self) -> None:
        self._full_at: dict[Hashable, float] = {}
        self._tidy_at = _REMEMBERED

    def wait(self, key: Hashable, requests: int, now: float, seconds: float = 1.0) -> float:
        """How long until there is a token.

        Args:
            key: whose bucket.
            requests: tokens it holds, at least 1.
            now: monotonic seconds.
            seconds: in which an empty one fills.

        Returns: 0.0 for "now", or seconds.
        """
        filled = max(self._full_at.get(key, 0.0), now) + seconds / requests
        empty_at = now + seconds
        return filled - empty_at if filled > empty_at + 1e-9 else 0.0

    def take(self, key: Hashable, requests: int, now: float, seconds: float = 1.0) -> float:
        """Take a token unless there is none; arguments and result as of `wait`."""
        missing = self.wait(key, requests, now, seconds)
        if not missing:
            if len(self._full_at) >= self._tidy_at:
                self._tidy(now)
            self._full_at[key] = max(self._full_at.get(key, 0.0), now) + seconds / requests
        return missing

    def _tidy(self, now: float) -> None:
        """Forget what is full. Seldom, however many callers there are: the next time is put off."""
        left = {each: at for each, at in self._full_at.items() if at > now}
        if len(left) > _MOST // 2:
            emptiest = sorted(left.items(), key=lambda item: item[1])[-_MOST // 2 :]
            left = dict(emptiest)
        self._full_at = left
        self._tidy_at = max(_REMEMBERED, 2 * len(left))
