"""When a script's sandboxes die one after the other: no new one until a pause is over.

Without it every request to a broken script would boot a sandbox, at the cost of everybody else.
"""

from __future__ import annotations

from typing import Final

from picloud.orchestrator.refusals import CrashLoop

PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds; the last one repeats
DEATHS_ALLOWED: Final = 2  # in a row, of sandboxes that answered nothing well


class Crashes:
    """Failed imports and early deaths of one version's sandboxes, in a row."""

    def __init__(self) -> None:
        self.strikes = 0
        self._pauses = 0
        self._until = 0.0
        self._what = ""

    def import_failed(self, code: str, now: float) -> None:
        """The script could not be imported: a pause begins at once."""
        self.strikes += 1
        self._pause(now, f"its import failed ({code})")

    def died(self, code: str, now: float) -> None:
        """A sandbox ended before it had answered anything well."""
        self.strikes += 1
        if self.strikes > DEATHS_ALLOWED:
            self._pause(now, f"{self.strikes} of its sandboxes died in a row ({code})")

    def steady(self) -> None:
        """A sandbox answered well: whatever was is forgotten."""
        self.strikes = self._pauses = 0
        self._until = 0.0

    def refusal(self, now: float) -> CrashLoop | None:
        """Why no sandbox may be bound now; the first one after the pause is the probe."""
        left = self._until - now
        if left <= 0:
            return None
        said = f"The script is in a crash loop: {self._what}. It is tried again in {left:.1f} s."
        return CrashLoop(said, retry_after=left)

    def _pause(self, now: float, what: str) -> None:
        self._until = now + PAUSES[min(self._pauses, len(PAUSES) - 1)]
        self._pauses += 1
        self._what = what
