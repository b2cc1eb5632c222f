"""How often something may be tried: so many times at once, and so many in each window."""

from __future__ import annotations

from typing import Final

WINDOW: Final = 600.0  # seconds
MAX_KEYS: Final = 10_000


class Attempts:
    """Counts tries by key. One comes back every `WINDOW / limit` seconds.

    A key is one number, the moment at which all of its tries will be back. There are at most
    `MAX_KEYS`: the ones that have nothing to remember go first, then the oldest.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._interval = WINDOW / limit
        self._whole_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._whole_at)

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is a try left; 0 if there is one."""
        owed = self._whole_at.get(key, now) - now
        return max(0.0, owed - WINDOW + self._interval)

    def take(self, key: str, now: float) -> None:
        """Use up one try."""
        whole_at = max(self._whole_at.pop(key, now), now)
        if len(self._whole_at) >= MAX_KEYS:
            self._make_room(now)
        self._whole_at[key] = whole_at + self._interval

    def give_back(self, key: str) -> None:
        """The last try does not count."""
        if key in self._whole_at:
            self._whole_at[key] -= self._interval

    def forget(self, key: str) -> None:
        """None of the tries counts."""
        self._whole_at.pop(key, None)

    def _make_room(self, now: float) -> None:
        self._whole_at = {key: at for key, at in self._whole_at.items() if at > now}
        if len(self._whole_at) >= MAX_KEYS:
            del self._whole_at[next(iter(self._whole_at))]
