"""The frames of the link between executor and sandbox host, without any I/O.

The reference is docs/link.md. What comes from a sandbox is hostile: everything that breaks the
rules raises `ProtocolError`, and a payload is refused before it is buffered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from struct import Struct
from struct import error as StructError  # noqa: N812  # it is a class
from typing import Any, Final

PROTOCOL: Final = 1
MAX_PAYLOAD: Final = 2 * 1024 * 1024
INITIAL_WINDOW: Final = 256 * 1024
BIND_PART: Final = 1024 * 1024  # bytes of sources in one frame; what a script is given is beside it
HEADER_SIZE: Final = 12

HELLO: Final = 1
BIND: Final = 2
BOUND: Final = 3
INVOKE: Final = 4
RESPONSE: Final = 5
DATA: Final = 6
WINDOW: Final = 7
CANCEL: Final = 8
ERROR: Final = 9
LOG: Final = 10
CHECK: Final = 11
CHECKED: Final = 12
RETIRE: Final = 13
CALL: Final = 14
RESULT: Final = 15

END: Final = 1

STDOUT: Final = 1
STDERR: Final = 2
LOGGING: Final = 3
TRACEBACK: Final = 4
PLATFORM: Final = 5

_HEADER: Final = Struct("<IBBHI")
_INVOKE: Final = Struct("<IBBHII")
_U32: Final = Struct("<I")
_LOG: Final = Struct("<BBq")

_LEVELS: Final = frozenset((10, 20, 30, 40, 50))

Frame = tuple[int, int, int, bytes]  # type, flags, stream, payload
Headers = Sequence[tuple[str, str]]


class ProtocolError(Exception):
    """The other side broke the rules of the link."""


def encode(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEADER.pack(len(payload), kind, flags, 0, stream) + payload


def encode_json(kind: int, flags: int, stream: int, value: Mapping[str, Any]) -> bytes:
    """One frame with a JSON payload."""
    return encode(kind, flags, stream, json.dumps(value).encode())


def encode_bind(head: Mapping[str, Any], source: bytes, files: Mapping[str, bytes]) -> bytes:
    """BIND in as many frames as it needs: what the script may use, its entry and other files."""
    listed = [[path, len(content)] for path, content in files.items()]
    body = b"".join((source, *files.values()))
    first: Mapping[str, Any] | None = {**head, "files": listed}
    parts = []
    for at in range(0, len(body) or 1, BIND_PART):
        end = at + BIND_PART >= len(body)
        parts.append(_encode_part(BIND, 0, first, body[at : at + BIND_PART], end))
        first = None
    return b"".join(parts)


def encode_check(stream: int, head: Mapping[str, Any], source: bytes) -> bytes:
    """CHECK: a source and what it is."""
    return _encode_part(CHECK, stream, head, source, True)


def encode_invoke(stream: int, head: bytes, body: bytes = b"", end: bool = True) -> bytes:
    """INVOKE with the first part of the body, or all of it."""
    size = len(head)
    length = 4 + size + len(body)
    return _INVOKE.pack(length, INVOKE, END if end else 0, 0, stream, size) + head + body


def encode_response(stream: int, head: bytes, body: bytes = b"", end: bool = True) -> bytes:
    """RESPONSE with the first part of the body, or all of it."""
    size = len(head)
    length = 4 + size + len(body)
    return _INVOKE.pack(length, RESPONSE, END if end else 0, 0, stream, size) + head + body


def encode_call(stream: int, head: Mapping[str, Any] | None, part: bytes, end: bool) -> bytes:
    """CALL with its head, or with None more of its body."""
    return _encode_part(CALL, stream, head, part, end)


def encode_result(stream: int, head: Mapping[str, Any] | None, part: bytes, end: bool) -> bytes:
    """RESULT of a call with its head, or with None more of its body."""
    return _encode_part(RESULT, stream, head, part, end)


def encode_window(stream: int, credit: int) -> bytes:
    """WINDOW: so many more body bytes may be sent."""
    return _INVOKE.pack(4, WINDOW, 0, 0, stream, credit)


def encode_log(stream: int, level: int, source: int, microseconds: int, text: str) -> bytes:
    """LOG: one record."""
    return encode(LOG, 0, stream, _LOG.pack(level, source, microseconds) + text.encode())


def split_head(payload: bytes) -> tuple[bytes, bytes]:
    """Head and body of an INVOKE, a RESPONSE, a BIND, a CHECK, a CALL or a RESULT."""
    if len(payload) < 4:
        raise ProtocolError("a payload is too short for a head")
    body_at = 4 + int.from_bytes(payload[:4], "little")
    if body_at > len(payload):
        raise ProtocolError("a head is longer than its payload")
    return payload[4:body_at], payload[body_at:]


def decode_response(payload: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and the first part of the body of a RESPONSE."""
    head, body = split_head(payload)
    status, *lines = head.split(b"\n")
    if len(status) != 3 or not status.isdigit() or not b"200" <= status <= b"599":
        raise ProtocolError("a response has no valid status")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or b"\r" in line or b"\0" in line:
            raise ProtocolError("a response has a malformed header")
        headers.append((name, value))
    return int(status), headers, body


def decode_log(payload: bytes) -> tuple[int, int, int, str]:
    """Level, source, Unix time in microseconds and text of a LOG."""
    try:
        level, source, microseconds = _LOG.unpack_from(payload)
    except StructError as error:
        raise ProtocolError("a log record is too short") from error
    if level not in _LEVELS or not STDOUT <= source <= PLATFORM:
        raise ProtocolError("a log record has an unknown level or source")
    return level, source, microseconds, payload[_LOG.size :].decode("utf-8", "replace")


def decode_window(payload: bytes) -> int:
    """The credit of a WINDOW."""
    if len(payload) != 4:
        raise ProtocolError("a window is not four bytes")
    return int.from_bytes(payload, "little")


def decode_json(payload: bytes) -> dict[str, Any]:
    """The object of a JSON payload."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a payload is not JSON") from error
    if not isinstance(value, dict):
        raise ProtocolError("a payload is not a JSON object")
    return value


def _encode_part(
    kind: int, stream: int, head: Mapping[str, Any] | None, part: bytes, end: bool
) -> bytes:
    encoded = b"" if head is None else json.dumps(head).encode()
    size = len(encoded)
    length = 4 + size + len(part)
    return _INVOKE.pack(length, kind, END if end else 0, 0, stream, size) + encoded + part


class Decoder:
    """Cuts a byte stream into frames; keeps what is not complete yet."""

    __slots__ = ("_held", "_needed")

    def __init__(self) -> None:
        self._held = bytearray()
        self._needed = 0  # how much must be held before it is worth looking at

    @property
    def incomplete(self) -> bool:
        """A frame has begun and its end has not come."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with this data. Raises ProtocolError."""
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
            self._held.clear()
        frames: list[Frame] = []
        size = len(data)
        at = 0
        unpack = _HEADER.unpack_from
        self._needed = HEADER_SIZE
        while size - at >= HEADER_SIZE:
            length, kind, flags, reserved, stream = unpack(data, at)
            if length > MAX_PAYLOAD:
                raise ProtocolError(f"a frame announces {length} bytes")
            if reserved or not HELLO <= kind <= RESULT or flags > END:
                raise ProtocolError(f"a frame has type {kind}, flags {flags}, reserved {reserved}")
            end = at + HEADER_SIZE + length
            if end > size:
                self._needed = end - at
                break
            frames.append((kind, flags, stream, data[at + HEADER_SIZE : end]))
            at = end
        if at < size:
            self._held += data[at:]
        return frames
