"""Log records: one structured line of an invocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID


class LogLevel(IntEnum):
    """As in `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50

    @classmethod
    def at_most(cls, level: int) -> LogLevel:
        """The level a number belongs to: scripts may log with numbers of their own."""
        return max((known for known in cls if known <= level), default=cls.DEBUG)


class LogStream(StrEnum):
    """Where a line came from."""

    STDOUT = "stdout"
    STDERR = "stderr"
    LOGGING = "logging"
    TRACEBACK = "traceback"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One line. `node_number` and `seq` are its place in its node's stream."""

    node_number: int
    seq: int
    app_id: UUID
    script_id: UUID
    version_id: UUID
    invocation_id: UUID | None
    number: int
    level: int
    stream: LogStream
    logged_at: datetime
    text: str
