"""Opaque cursors: a kind and a sort key, as base64url of JSON.

A cursor of another list, or one that was tampered with, is `InvalidInput`: every part is checked
for its type and range before it comes near a statement.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from picloud.domain.failures import FieldFault, InvalidInput
from picloud.domain.page import LivePosition

K = TypeVar("K")

MAX_CURSOR: Final = 4_096
_SMALL: Final = 2**15
_BIG: Final = 2**63
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Cursor(Generic[K]):
    """How one kind of key is written and read."""

    def __init__(
        self, kind: str, *, dump: Callable[[K], list[Any]], load: Callable[..., K]
    ) -> None:
        self._kind = kind
        self._dump = dump
        self._load = load

    def encode(self, key: K) -> str:
        """The cursor of a key."""
        text = json.dumps([self._kind, *self._dump(key)], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    def decode(self, cursor: str | None, *, field: str) -> K | None:
        """The key of a cursor; raises `InvalidInput`."""
        if cursor is None:
            return None
        try:
            return self._read(cursor)
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as exc:
            raise InvalidInput(FieldFault(field, "is not a cursor of this list")) from exc

    def _read(self, cursor: str) -> K:
        if len(cursor) > MAX_CURSOR:
            raise ValueError("too long")
        try:
            octets = base64.b64decode(
                cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
            )
        except binascii.Error as exc:
            raise ValueError("not base64") from exc
        kind, *parts = json.loads(octets)
        if kind != self._kind:
            raise ValueError("another list's")
        return self._load(*parts)


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("not a text")
    value.encode()
    return value


def _integer(value: object, *, below: int) -> int:
    if type(value) is not int or not 0 <= value < below:
        raise ValueError("not a number in range")
    return value


def _log_key(at: object, node_number: object, seq: object) -> tuple[datetime, int, int]:
    micros = _integer(at, below=_BIG)
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment, _integer(node_number, below=_SMALL), _integer(seq, below=_BIG)


def _dump_log_key(key: tuple[datetime, int, int]) -> list[Any]:
    return [(key[0] - _EPOCH) // timedelta(microseconds=1), key[1], key[2]]


def _position(seen: object) -> LivePosition:
    if not isinstance(seen, dict):
        raise TypeError("not a position")
    return LivePosition(
        {_integer(int(node), below=_SMALL): _integer(seq, below=_BIG) for node, seq in seen.items()}
    )


BY_NAME: Final = Cursor[str]("name", dump=lambda key: [key], load=_text)
BY_NUMBER: Final = Cursor[int](
    "number", dump=lambda key: [key], load=lambda value: _integer(value, below=2**31)
)
BY_NODE: Final = Cursor[int](
    "node", dump=lambda key: [key], load=lambda value: _integer(value, below=_SMALL)
)
BY_ID: Final = Cursor[UUID](
    "id", dump=lambda key: [key.hex], load=lambda value: UUID(hex=_text(value))
)
BY_TIME: Final = Cursor[tuple[datetime, int, int]]("time", dump=_dump_log_key, load=_log_key)
LIVE_LOG: Final = Cursor[LivePosition](
    "live-log", dump=lambda key: [dict(key.seen)], load=_position
)
LIVE_INVOCATIONS: Final = Cursor[LivePosition](
    "live-invocations", dump=lambda key: [dict(key.seen)], load=_position
)
LIVE_DEPLOYMENTS: Final = Cursor[LivePosition](
    "live-deployments", dump=lambda key: [dict(key.seen)], load=_position
)
