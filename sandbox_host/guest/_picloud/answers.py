"""From what a handler returned to the head and the body of an answer."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from json import encoder
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from _picloud.failures import AnswerError
from _picloud.invocation import Limits
from pic.response import Response

Stream = Generator[Any, Any, Any] | AsyncGenerator[Any, Any]

ALLOWED = (
    "a dict or list (JSON), str, bytes, None, (body, status), (body, status, headers), "
    "pic.Response, or a generator of str or bytes"
)
_TYPES = {
    "json": b"content-type:application/json",
    "text": b"content-type:text/plain; charset=utf-8",
    "bytes": b"content-type:application/octet-stream",
}
HEAD_JSON = b"200\n" + _TYPES["json"]
HEAD_TEXT = b"200\n" + _TYPES["text"]
HEAD_BYTES = b"200\n" + _TYPES["bytes"]
HEAD_NOTHING = b"204"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The ingress frames answers itself: what a script says about that is left out.
_OF_THE_CONNECTION = frozenset(
    (
        *("connection", "content-length", "keep-alive", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)


def _default(value: object) -> Any:
    raise TypeError(f"a value of type {type(value).__name__} can't be turned into JSON")


_markers: dict[int, object] = {}
_chunks = encoder.c_make_encoder(  # type: ignore[attr-defined]  # its stubs leave it out
    _markers, _default, encoder.encode_basestring, None, ": ", ", ", False, False, False
)


def encode_json(value: object) -> bytes:
    """JSON as UTF-8. Raises AnswerError for what JSON can't hold."""
    try:
        chunks = _chunks(value, 0)
        return (chunks[0] if len(chunks) == 1 else "".join(chunks)).encode()
    except BaseException as error:
        _markers.clear()
        if isinstance(error, (TypeError, ValueError, RecursionError)):
            raise AnswerError(f"the answer is not JSON: {error}") from error
        raise


def encode_text(text: str) -> bytes:
    """UTF-8; a lone surrogate is the script's mistake."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise AnswerError(f"the answer is not text: {error}") from error


def _nothing(_: object) -> bytes:
    return b""


# The simple results, by their exact type: the head of the answer, and what makes its body.
SIMPLE: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
    dict: (HEAD_JSON, encode_json),
    list: (HEAD_JSON, encode_json),
    str: (HEAD_TEXT, encode_text),
    bytes: (HEAD_BYTES, bytes),
    type(None): (HEAD_NOTHING, _nothing),
}


class AppResponse(Response):
    """The answer of an application, to which no content type is added."""

    __slots__ = ()


def unpack(result: object) -> tuple[object, int, list[tuple[str, str]]]:
    """Body, status and headers of a result of any allowed shape."""
    if isinstance(result, Response):
        return result.body, checked_status(result.status), checked_headers(result.headers)
    if isinstance(result, tuple):
        if len(result) == 2:
            return result[0], checked_status(result[1]), []
        if len(result) == 3:
            return result[0], checked_status(result[1]), checked_headers(result[2])
        raise AnswerError(f"the handler returned a tuple of {len(result)}; allowed are {ALLOWED}")
    return result, 204 if result is None else 200, []


def is_stream(body: object) -> bool:
    """Whether this body comes in chunks."""
    return isinstance(body, (GeneratorType, AsyncGeneratorType))


def encode_body(body: object) -> tuple[str, bytes]:
    """Which default type a body has, and its bytes."""
    if isinstance(body, (dict, list)):
        return "json", encode_json(body)
    if isinstance(body, str):
        return "text", encode_text(body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return "bytes", bytes(body)
    if body is None:
        return "", b""
    raise AnswerError(f"the handler returned {_name(body)}; allowed are {ALLOWED}")


def encode_chunk(chunk: object) -> bytes:
    """The bytes of one streamed chunk."""
    if type(chunk) is bytes:
        return chunk
    if isinstance(chunk, str):
        return encode_text(chunk)
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    raise AnswerError(f"the handler yielded {_name(chunk)}; allowed are str and bytes")


def encode_head(status: int, headers: list[tuple[str, str]], kind: str) -> bytes:
    """The head of an answer."""
    lines = [str(status).encode()]
    has_type = False
    for given, value in headers:
        name = given.lower()
        if name in _OF_THE_CONNECTION:
            continue
        has_type = has_type or name == "content-type"
        lines.append(f"{name}:{value}".encode("latin-1"))
    if kind and not has_type:
        lines.append(_TYPES[kind])
    head = b"\n".join(lines)
    if len(head) > Limits.header_bytes:
        raise AnswerError(
            f"the headers are {len(head)} bytes; allowed are header_bytes={Limits.header_bytes}",
            "answer_too_large",
        )
    return head


def checked_status(status: object) -> int:
    """A status that an answer may have. Raises AnswerError."""
    if isinstance(status, bool) or not isinstance(status, int):
        raise AnswerError(f"the status is {_name(status)}; allowed is an int from 200 to 599")
    if not 200 <= status <= 599:
        raise AnswerError(f"the status is {int(status)}; allowed are 200 to 599")
    return int(status)


def checked_headers(headers: object) -> list[tuple[str, str]]:
    """Headers as pairs. Raises AnswerError for what HTTP does not allow in one."""
    if headers is None:
        return []
    if isinstance(headers, Mapping):
        headers = headers.items()
    if not isinstance(headers, Iterable) or isinstance(headers, (str, bytes)):
        raise AnswerError(f"the headers are {_name(headers)}; allowed are a dict or pairs of str")
    checked = []
    for pair in headers:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise AnswerError("the headers are not pairs of a name and a value")
        checked.append(_header(*pair))
    return checked


def _header(name: object, value: object) -> tuple[str, str]:
    if not isinstance(name, str) or not isinstance(value, str):
        raise AnswerError(f"the header {name!r} has {_name(value)} as value; allowed is str")
    if not _NAME.fullmatch(name):
        raise AnswerError(f"{name!r} is not the name of a header")
    if _BAD_VALUE.search(value):
        raise AnswerError(f"the value of header {name!r} holds control characters")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise AnswerError(f"the value of header {name!r} is not latin-1") from error
    return name, value


def _name(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
