"""HTTP requests to the outside: `pic.fetch` blocks, `pic.afetch` awaits.

In a sandbox the node's broker makes them, within what the app may reach; run by plain Python, as in
a test of a script, `urllib` makes them.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from pic.multi import Headers

REDIRECTS = 10  # followed at most


class FetchError(Exception):
    """A request brought no answer, or `raise_for_status` one that is an error.

    `code` says why: `egress_denied`, `invalid_url`, `invalid_request`, `dns_failed`, `tls_failed`,
    `connect_failed`, `connect_timeout`, `connection_lost`, `timeout`, `request_too_large`,
    `response_too_large`, `response_invalid`, `too_many_redirects`, `cancelled` or `bad_status`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FetchResponse:
    """The answer to a request, with its whole body."""

    __slots__ = ("body", "headers", "status", "url")

    def __init__(self, status: int, headers: Headers, body: bytes, url: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url  # after redirects

    def __repr__(self) -> str:
        return f"<FetchResponse {self.status} {self.url}>"

    @property
    def ok(self) -> bool:
        """Whether the status is from 200 to 299."""
        return 200 <= self.status <= 299

    def text(self) -> str:
        """The body as text, in the charset the answer names, else UTF-8."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        charset = message.get_content_charset("utf-8")
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json_module.loads(self.body)

    def raise_for_status(self) -> FetchResponse:
        """Itself, unless the status is 400 or above: then FetchError `bad_status`."""
        if self.status >= 400:
            raise FetchError("bad_status", f"{self.url} answered with status {self.status}")
        return self


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """A request as a transport sends it; `timeout` in seconds."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    timeout: float | None


Send = Callable[[FetchRequest], FetchResponse]
AsyncSend = Callable[[FetchRequest], Awaitable[FetchResponse]]


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    body: bytes | str | None = None,
    json: Any = None,
    timeout: float | None = None,
) -> FetchResponse:
    """Send a request and wait for the whole answer; redirects are followed.

    Args:
        headers: a mapping, or pairs where a name occurs more than once.
        body: sent as it is, a text as UTF-8.
        json: sent as JSON instead of a body.
        timeout: seconds for all of it; the platform has a limit of its own.

    Blocks the sandbox: in an async handler use `afetch`. Raises FetchError when there is no answer;
    an answer with an error's status is an answer. Raises TypeError for arguments of a wrong type.
    """
    return _Transport.send(_request(url, method, headers, body, json, timeout))


async def afetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    body: bytes | str | None = None,
    json: Any = None,
    timeout: float | None = None,  # noqa: ASYNC109  # as fetch
) -> FetchResponse:
    """As `fetch`, while other invocations of this sandbox go on."""
    return await _Transport.asend(_request(url, method, headers, body, json, timeout))


def install(send: Send, asend: AsyncSend) -> None:
    """Let requests be made by these; the sandbox does so."""
    _Transport.send = staticmethod(send)
    _Transport.asend = staticmethod(asend)


def _request(
    url: str,
    method: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | None,
    body: bytes | str | None,
    json: Any,
    timeout: float | None,
) -> FetchRequest:
    if not all(isinstance(text, str) for text in (url, method)):
        raise TypeError("the URL and the method must be str")
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers or ())
    if json is not None:
        if body is not None:
            raise TypeError("give either a body or json, not both")
        body = json_module.dumps(json)
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "application/json"))
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray | memoryview | None):
        raise TypeError(f"a body must be bytes or str, not {type(body).__name__}")
    return FetchRequest(method, url, pairs, bytes(body or b""), timeout)


def _send_locally(request: FetchRequest) -> FetchResponse:
    from pic import fetch_locally  # what it needs is large, and no sandbox needs it

    return fetch_locally.send(request)


async def _asend_locally(request: FetchRequest) -> FetchResponse:
    from pic import fetch_locally

    return await fetch_locally.asend(request)


class _Transport:
    send: Send = staticmethod(_send_locally)
    asend: AsyncSend = staticmethod(_asend_locally)
