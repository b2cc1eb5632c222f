"""WSGI applications (PEP 3333): called like a synchronous handler."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Generator, Iterable
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes

from _picloud.answers import AppResponse, checked_headers
from _picloud.failures import AnswerError
from _picloud.invocation import Limits
from _picloud.streams import too_large
from pic.request import Request

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_STATUS = re.compile(r"([2-5][0-9][0-9])(?: .*)?")


class Wsgi:
    """The handler of a script whose `app` is a WSGI application."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def __call__(self, request: Request) -> AppResponse:
        return _Call(request).answer(self._app)


class _Call:
    """One call of the application: what it has said of its answer so far."""

    def __init__(self, request: Request) -> None:
        self._environ = environ(request)
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._sent = False
        self._written: list[bytes] = []
        self._written_size = 0

    def answer(self, app: Application) -> AppResponse:
        """Call the application up to the first bytes of its body, which fix the head."""
        iterable = app(self._environ, self._start_response)
        chunks = self._chunks(iterable)
        try:
            first = next(chunks, b"")
            if not self._status:
                raise AnswerError("the app gave a body without calling start_response")
            self._sent = True
            if self._is_whole(first, iterable):
                chunks.close()
                return AppResponse(first, self._status, self._headers)
        except BaseException:
            chunks.close()
            raise
        return AppResponse(_rest(first, chunks), self._status, self._headers)

    def _is_whole(self, first: bytes, iterable: Iterable[bytes]) -> bool:
        if not first:
            return True
        if isinstance(iterable, (list, tuple)) and len(iterable) == 1:
            return self._written_size == 0
        lengths = [value for name, value in self._headers if name.lower() == "content-length"]
        return lengths == [str(len(first))]

    def _chunks(self, iterable: Iterable[bytes]) -> Generator[bytes, None, None]:
        """The parts of the body that are not empty: what was written, then what is iterated."""
        try:
            yield from self._take_written()
            for chunk in iterable:
                yield from self._take_written()
                if not isinstance(chunk, bytes):
                    raise AnswerError(f"the app yielded {type(chunk).__name__}; allowed is bytes")
                if chunk:
                    yield chunk
            yield from self._take_written()
        finally:
            close = getattr(iterable, "close", None)
            if close is not None:
                close()

    def _take_written(self) -> list[bytes]:
        written, self._written = self._written, []
        return [b"".join(written)] if written else []

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], None]:
        try:
            if exc_info is None and self._status:
                raise AssertionError("start_response was called a second time without exc_info")
            if exc_info is not None and self._sent:
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None  # it would refer to this frame
        number = _STATUS.fullmatch(status) if isinstance(status, str) else None
        if number is None:
            raise AnswerError(f"the status is {status!r}; it must be like '200 OK', 200 to 599")
        self._status = int(number[1])
        self._headers = checked_headers(headers)
        return self._write

    def _write(self, data: bytes, /) -> None:
        if not isinstance(data, bytes):
            raise AnswerError(f"the app wrote {type(data).__name__}; allowed is bytes")
        if data:
            self._written_size += len(data)
            if self._written_size > Limits.answer_bytes:
                raise too_large(self._written_size)
            self._written.append(data)


def _rest(first: bytes, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    try:
        yield first
        yield from chunks
    finally:
        chunks.close()


def environ(request: Request) -> dict[str, Any]:
    """The environment of a request, as PEP 3333 gives it."""
    name, port = server(request)
    variables: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _latin(request.root_path),
        "PATH_INFO": _latin(request.raw_path),
        "QUERY_STRING": request.raw_query,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": name,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client_ip,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name in request.headers:
        # `a-b` and `a_b` would be the same variable: the second could pass for the first.
        if "_" not in name and name not in ("content-type", "content-length"):
            values = request.headers.get_all(name)
            separator = "; " if name == "cookie" else ","
            variables[f"HTTP_{name.upper().replace('-', '_')}"] = separator.join(values)
    return variables


def server(request: Request) -> tuple[str, int]:
    """The name and the port that the client asked."""
    host = request.headers.get("host") or "localhost"
    name, _, port = host.rpartition(":")
    if name and port.isdecimal():
        return name, int(port)
    return host, 443 if request.scheme == "https" else 80


def _latin(raw: str) -> str:
    """Percent-decoded bytes, each as one character."""
    return unquote_to_bytes(raw.encode("latin-1")).decode("latin-1")
