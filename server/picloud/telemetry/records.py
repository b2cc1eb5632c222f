"""What is remembered of an invocation, and what it said.

Rows are plain tuples in the order of their columns: they are made once per invocation on the
busiest path of the node and go to PostgreSQL as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeAlias

Row: TypeAlias = tuple[object, ...]

INVOCATION_COLUMNS: Final = (
    "id",
    "node_number",
    "seq",
    "app_id",
    "script_id",
    "version_id",
    "trigger",
    "outcome",
    "method",
    "path",
    "status",
    "started_at",
    "duration_us",
    "queue_us",
    "cold",
    "bytes_in",
    "bytes_out",
    "error_code",
    "error",
)
LOG_COLUMNS: Final = (
    "node_number",
    "seq",
    "app_id",
    "script_id",
    "version_id",
    "invocation_id",
    "number",
    "level",
    "stream",
    "logged_at",
    "text",
)
STREAMS: Final = {1: "stdout", 2: "stderr", 3: "logging", 4: "traceback", 5: "platform"}


def utc(microseconds: int) -> datetime:
    """Unix time in µs as an aware datetime."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


def without_nul(text: str) -> str:
    """A text as PostgreSQL can hold it."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
