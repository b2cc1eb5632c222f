"""What is remembered of an invocation, and what it said, as rows of a binary COPY.

A row is made once per invocation on the busiest path of the node, so it is packed at once into the
bytes PostgreSQL reads (its documentation, COPY, "Binary Format"): a count of fields, then per field
its length and its value in network order.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from struct import Struct
from typing import Final
from uuid import UUID

from picloud.domain.fetch import UNFINISHED, Fetch

COPY_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END: Final = b"\xff\xff"

INVOCATION_COLUMNS: Final = (
    *("id", "node_number", "seq", "app_id", "script_id", "version_id"),
    *("trigger", "outcome", "method", "path", "status"),
    *("started_at", "duration_us", "queue_us", "cold", "bytes_in", "bytes_out"),
    *("error_code", "error", "fetches"),
)
LOG_COLUMNS: Final = (
    *("node_number", "seq", "app_id", "script_id", "version_id", "invocation_id"),
    *("number", "level", "stream", "logged_at", "text"),
)
STREAMS: Final = {1: "stdout", 2: "stderr", 3: "logging", 4: "traceback", 5: "platform"}

_EPOCH_2000_US: Final = 946_684_800_000_000  # PostgreSQL counts time from 2000-01-01
_INT4_MAX: Final = 2**31 - 1
_NULL: Final = b"\xff\xff\xff\xff"
_REMEMBERED: Final = 4096
_SMALLINT: Final = Struct("!ih")
_INVOCATION_BEGIN: Final = Struct("!hi16sihiqi16si16si16s")
_INVOCATION_TIMES: Final = Struct("!iqiiiii?iqiq")
_LOG_BEGIN: Final = Struct("!hihiqi16si16si16si16siiih")
_LOG_TIME: Final = Struct("!iq")


class RowPacker:
    """Packs the rows of one node."""

    def __init__(self, node_number: int) -> None:
        self._node_number = node_number
        # What invocations of one route have in common, by what it says.
        self._middles: dict[tuple[str, str, str, int | None], bytes] = {}

    def invocation(
        self,
        seq: int,
        id: bytes,
        version: tuple[bytes, bytes, bytes],
        what: tuple[str, str, str, int | None],
        times: tuple[int, int, int],
        cold: bool,
        sizes: tuple[int, int],
        error: tuple[str, str] | None,
        fetches: Sequence[Fetch] | None = None,
    ) -> bytes:
        """A row of `invocations`.

        Args:
            id: the invocation's, 16 bytes.
            version: ids of app, script and version, 16 bytes each.
            what: outcome, method, path, HTTP status.
            times: start in Unix µs, duration and time in the queue in µs.
            sizes: bytes in and out.
            error: code and message, None for outcome `ok`.
            fetches: requests to the outside, None if there were none.
        """
        app_id, script_id, version_id = version
        started, duration, queued = times
        middle = self._middles.get(what)
        if middle is None:
            middle = self._remember(what)
        return b"".join(
            (
                _INVOCATION_BEGIN.pack(
                    *(20, 16, id, 2, self._node_number, 8, seq),
                    *(16, app_id, 16, script_id, 16, version_id),
                ),
                middle,
                _INVOCATION_TIMES.pack(
                    *(8, started - _EPOCH_2000_US, 4, min(duration, _INT4_MAX)),
                    *(4, min(queued, _INT4_MAX), 1, cold),
                    *(8, sizes[0], 8, sizes[1]),
                ),
                _NULL + _NULL if error is None else _text(error[0]) + _text(error[1]),
                _NULL if fetches is None else _jsonb([_shown(fetch) for fetch in fetches]),
            )
        )

    def log(
        self,
        seq: int,
        invocation_id: bytes,
        version: tuple[bytes, bytes, bytes],
        place: tuple[int, int, int],
        logged_at: int,
        text: str,
    ) -> bytes:
        """A row of `log_records`; `place` is number, level and stream, time is Unix µs."""
        app_id, script_id, version_id = version
        number, level, stream = place
        return b"".join(
            (
                _LOG_BEGIN.pack(
                    *(11, 2, self._node_number, 8, seq),
                    *(16, app_id, 16, script_id, 16, version_id, 16, invocation_id),
                    *(4, number, 2, level),
                ),
                _text(STREAMS[stream]),
                _LOG_TIME.pack(8, logged_at - _EPOCH_2000_US),
                _text(text),
            )
        )

    def _remember(self, what: tuple[str, str, str, int | None]) -> bytes:
        outcome, method, path, status = what
        middle = b"".join(
            (
                *(_text("http"), _text(outcome), _text(method), _text(path)),
                _NULL if status is None else _SMALLINT.pack(2, status),
            )
        )
        if len(self._middles) >= _REMEMBERED:
            self._middles.clear()
        self._middles[what] = middle
        return middle


def version_ids(app_id: UUID, script_id: UUID, version_id: UUID) -> tuple[bytes, bytes, bytes]:
    """The ids a row carries of its version."""
    return app_id.bytes, script_id.bytes, version_id.bytes


def without_nul(text: str) -> str:
    """A text as PostgreSQL can hold it."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _shown(fetch: Fetch) -> dict[str, object]:
    duration_ms = fetch.duration_ms
    if fetch.error == UNFINISHED:
        duration_ms = int((time.monotonic() - fetch.started) * 1000)
    return {
        "method": fetch.method,
        "host": fetch.host,
        "port": fetch.port,
        "status": fetch.status,
        "error": fetch.error,
        "duration_ms": duration_ms,
        "bytes_out": fetch.bytes_out,
        "bytes_in": fetch.bytes_in,
    }


def _jsonb(value: object) -> bytes:
    """As `jsonb` is sent: the version of the format, then the text."""
    raw = b"\x01" + json.dumps(value).encode()
    return len(raw).to_bytes(4, "big") + raw


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return len(raw).to_bytes(4, "big") + raw
