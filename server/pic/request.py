"""The request a handler is given."""

from __future__ import annotations

import json
from functools import cached_property
from http.cookies import _unquote as unquote_cookie
from typing import Any
from urllib.parse import unquote_to_bytes

from pic.auth import HEADER, Auth, parse_auth
from pic.multi import Headers, MultiDict, parse_urlencoded
from pic.upload import Upload

# Lines of the head, as docs/link.md gives them.
_ID, _METHOD, _PATH, _QUERY, _CLIENT, _PARAMS, _SCHEME, _ROOT, _HEADERS = 0, 2, 3, 4, 5, 6, 7, 8, 9


class Request:
    """One HTTP request. Everything but `body` is read from the head when it is first asked for.

    Scripts receive requests and do not build them; tests use `pic.testing.request`.
    """

    # Plain attributes and properties: what a handler asks of its request is on the hot path.
    body: bytes
    _all_lines: list[str] | None = None
    _query: MultiDict[str] | None = None
    _headers: Headers | None = None

    def __init__(self, head: str, body: bytes) -> None:
        self._head = head
        self.body = body

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    @property
    def _lines(self) -> list[str]:
        lines = self._all_lines
        if lines is None:
            self._all_lines = lines = self._head.split("\n", _HEADERS)
        return lines

    @cached_property
    def invocation_id(self) -> str:
        """The id of this invocation, as it is shown in the log."""
        text = self._lines[_ID]
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    @property
    def method(self) -> str:
        """The HTTP method in capitals."""
        return self._lines[_METHOD]

    @cached_property
    def path(self) -> str:
        """The decoded path inside the app, starting with a slash."""
        return _decoded(self._lines[_PATH])

    @property
    def raw_path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return self._lines[_PATH]

    @property
    def raw_query(self) -> str:
        """The query string as it was sent, without the question mark."""
        return self._lines[_QUERY]

    @cached_property
    def path_params(self) -> dict[str, str]:
        """What the placeholders of the route matched."""
        return dict(parse_urlencoded(self._lines[_PARAMS]))

    @property
    def query(self) -> MultiDict[str]:
        """The query string; `query.get("name")` is the first value of that name."""
        query = self._query
        if query is None:
            self._query = query = MultiDict(parse_urlencoded(self._lines[_QUERY]))
        return query

    @property
    def headers(self) -> Headers:
        """The headers, found whatever their case."""
        headers = self._headers
        if headers is None:
            lines = self._lines[_HEADERS].split("\n") if len(self._lines) > _HEADERS else []
            pairs = [line.partition(":") for line in lines]
            self._headers = headers = Headers((name, value) for name, _, value in pairs)
        return headers

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies the client sent; what has no name is left out."""
        cookies: dict[str, str] = {}
        for part in ";".join(self.headers.get_all("cookie")).split(";"):
            name, given, value = part.partition("=")
            if given and name.strip():
                cookies[name.strip()] = unquote_cookie(value.strip())
        return cookies

    @property
    def client_ip(self) -> str:
        """The address the request came from."""
        return self._lines[_CLIENT]

    @cached_property
    def auth(self) -> Auth | None:
        """Who calls, as the platform has checked it; None on a public route."""
        return parse_auth(self.headers.get(HEADER))

    @property
    def scheme(self) -> str:
        """`http` or `https`, as the client used it."""
        return self._lines[_SCHEME]

    @property
    def root_path(self) -> str:
        """What comes before `path` in the address: `/x/{app}`, or nothing on the app's own host."""
        return self._lines[_ROOT]

    @cached_property
    def url(self) -> str:
        """The address as the client asked for it."""
        query = self._lines[_QUERY]
        address = f"{self.scheme}://{self.headers.get('host', '')}{self.root_path}"
        return address + self._lines[_PATH] + (f"?{query}" if query else "")

    def text(self) -> str:
        """The body as text, in the charset it declares (UTF-8 unless told)."""
        return self.body.decode(_charset(self.headers.get("content-type", "")), "replace")

    def json(self) -> Any:
        """The body parsed as JSON. Raises ValueError when it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ValueError(f"the body is not JSON: {error}") from None
        except RecursionError:
            raise ValueError("the body is JSON that is nested too deeply") from None

    def form(self) -> MultiDict[str | Upload]:
        """The fields of an urlencoded or multipart form; files are `pic.Upload`.

        Raises ValueError when the body is no form, or a malformed one.
        """
        content_type = self.headers.get("content-type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type == "multipart/form-data":
            from pic.multipart import parse_multipart  # the e-mail package is slow to import

            return MultiDict(parse_multipart(content_type, self.body))
        if media_type not in ("", "application/x-www-form-urlencoded"):
            raise ValueError(f"the body is {media_type}, which is no form")
        fields: list[tuple[str, str | Upload]] = [*parse_urlencoded(self.text())]
        return MultiDict(fields)


def _decoded(raw: str) -> str:
    if "%" not in raw and raw.isascii():
        return raw
    return unquote_to_bytes(raw.encode("latin-1")).decode("utf-8", "replace")


def _charset(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset":
            try:
                "".encode(value.strip('"'))
            except LookupError:
                break
            return value.strip('"')
    return "utf-8"
