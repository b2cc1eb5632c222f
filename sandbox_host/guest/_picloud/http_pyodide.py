"""`pyodide.http` without a browser: `open_url`, `pyfetch` and what it gives."""

from __future__ import annotations

import json as json_module
from io import StringIO
from typing import Any

from _picloud.calls import CallError
from _picloud.fetching import Answer, Request

_REDIRECTS = 10


class FetchResponse:
    """As Pyodide's class of this name: the body can be read once."""

    def __init__(self, answer: Answer, url: str, errors: Any) -> None:
        self._answer = answer
        self._asked = url
        self._errors = errors
        self.body_used = False
        self.status = answer.status
        self.status_text = answer.reason
        self.url = answer.url
        self.ok = 200 <= answer.status <= 299
        self.redirected = answer.url != url
        self.type = "basic"

    @property
    def headers(self) -> dict[str, str]:
        """Headers by name in lower case."""
        joined: dict[str, str] = {}
        for name, value in self._answer.headers:
            before = joined.get(name.lower())
            joined[name.lower()] = value if before is None else f"{before}, {value}"
        return joined

    def raise_for_status(self) -> None:
        """Raise HttpStatusError for a status from 400 to 599."""
        if 400 <= self.status < 600:
            raise self._errors.HttpStatusError(self.status, self.status_text, self.url)

    def clone(self) -> FetchResponse:
        """Another one, whose body can be read once more."""
        if self.body_used:
            raise self._errors.BodyUsedError
        return FetchResponse(self._answer, self._asked, self._errors)

    async def bytes(self) -> bytes:
        """The body."""
        if self.body_used:
            raise self._errors.BodyUsedError
        self.body_used = True
        return self._answer.body

    async def memoryview(self) -> memoryview:
        """The body."""
        return memoryview(await self.bytes())

    async def text(self) -> str:
        """The body as UTF-8."""
        return (await self.bytes()).decode("utf-8", "replace")

    async def string(self) -> str:
        """As `text`."""
        return await self.text()

    async def json(self, **kwargs: Any) -> Any:
        """The body as JSON."""
        return json_module.loads(await self.text(), **kwargs)


def patch(module: Any) -> None:
    """Replace what would need a browser."""

    def open_url(url: str) -> StringIO:
        try:
            answer = Request("GET", url, [], redirects=_REDIRECTS).send()
        except CallError as error:
            raise OSError(f"{error.code}: {error.message}") from None
        return StringIO(answer.body.decode("utf-8", "replace"))

    async def pyfetch(request: str, /, **options: Any) -> FetchResponse:
        url = str(request)
        try:
            answer = await _request(url, options).asend()
        except CallError as error:
            raise OSError(f"{error.code}: {error.message}") from None
        return FetchResponse(answer, url, module)

    module.open_url = open_url
    module.pyfetch = pyfetch
    module.FetchResponse = FetchResponse


def _request(url: str, options: dict[str, Any]) -> Request:
    """The options of JavaScript's fetch that mean something without a browser."""
    body = options.get("body") or b""
    given = options.get("headers") or {}
    pairs = given.items() if hasattr(given, "items") else given
    follows = options.get("redirect", "follow") == "follow"
    return Request(
        options.get("method", "GET"),
        url,
        [(str(name), str(value)) for name, value in pairs],
        body.encode() if isinstance(body, str) else bytes(body),
        redirects=_REDIRECTS if follows else 0,
    )
