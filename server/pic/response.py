"""A response with a status, headers and cookies of the script's choice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from http.cookies import SimpleCookie
from typing import Any, Literal

Body = (
    bytes
    | str
    | dict[str, Any]
    | list[Any]
    | Generator[str | bytes, Any, Any]
    | AsyncGenerator[str | bytes, Any]
    | None
)


class Response:
    """What a handler returns when a plain value does not say enough.

    `body` may be anything a handler may return by itself; `headers` a mapping, or pairs where
    a name occurs more than once.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: Body = None,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        content_type: str | None = None,
    ) -> None:
        self.body = body
        self.status = status
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        self.headers: list[tuple[str, str]] = list(pairs)
        if content_type is not None:
            self.headers.append(("content-type", content_type))

    def __repr__(self) -> str:
        return f"<Response {self.status}>"

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = True,
        same_site: Literal["Strict", "Lax", "None"] = "Lax",
    ) -> None:
        """Add a `set-cookie` header; a `max_age` of 0 deletes the cookie."""
        cookie: SimpleCookie = SimpleCookie()
        cookie[name] = value
        morsel = cookie[name]
        morsel["path"] = path
        morsel["samesite"] = same_site
        if domain is not None:
            morsel["domain"] = domain
        if max_age is not None:
            morsel["max-age"] = str(max_age) if max_age else "0"
        if secure:
            morsel["secure"] = True
        if http_only:
            morsel["httponly"] = True
        self.headers.append(("set-cookie", morsel.OutputString()))

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Make the client forget a cookie that was set with this path and domain."""
        self.set_cookie(name, "", max_age=0, path=path, domain=domain)
