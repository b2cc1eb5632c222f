"""The invocation that is running, as its script sees it: `pic.invocation`."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Source(Protocol):
    """Where the facts come from: the sandbox, or the fake below."""

    @property
    def app(self) -> str: ...
    @property
    def script(self) -> str: ...
    @property
    def version(self) -> int: ...
    def id(self) -> str:
        """Of the invocation that asks. Raises RuntimeError if there is none."""

    def remaining_ms(self) -> float:
        """Until its deadline; negative once it has passed."""


class _Local:
    """Outside the platform: one invocation as long as the process, always at its beginning."""

    app = "local"
    script = "local"
    version = 0

    def __init__(self) -> None:
        self._id = str(uuid.uuid4())

    def id(self) -> str:
        return self._id

    def remaining_ms(self) -> float:
        return 10_000.0


class Invocation:
    """Whoever asks is told about their own invocation, also among interleaving handlers.

    While the script is imported there is none: `id`, `deadline` and `remaining_ms` then raise
    RuntimeError.
    """

    __slots__ = ("_source",)

    def __init__(self) -> None:
        self._source: Source = _Local()

    def __repr__(self) -> str:
        return f"<invocation of {self.app}/{self.script} version {self.version}>"

    @property
    def id(self) -> str:
        """Its id, as the log and the header `picloud-invocation-id` show it."""
        return self._source.id()

    @property
    def app(self) -> str:
        """The name of the app."""
        return self._source.app

    @property
    def script(self) -> str:
        """The name of the script."""
        return self._source.script

    @property
    def version(self) -> int:
        """The number of the version that runs."""
        return self._source.version

    @property
    def deadline(self) -> datetime:
        """When it is stopped (UTC); in a streamed answer, every chunk puts it off."""
        return datetime.now(UTC) + timedelta(milliseconds=self._source.remaining_ms())

    def remaining_ms(self) -> int:
        """Milliseconds until the deadline, never less than 0."""
        return max(0, int(self._source.remaining_ms()))


invocation = Invocation()


def provide(source: Source) -> None:
    """Called by the sandbox: the facts come from there."""
    invocation._source = source
