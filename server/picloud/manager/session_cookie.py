"""The session cookie of browsers. Scripts never see it, pages of other origins never send it."""

from __future__ import annotations

from typing import Final, Protocol

from starlette.requests import HTTPConnection
from starlette.responses import Response

from picloud.domain.user import SESSION_LIFETIME

COOKIE: Final = "picloud_session"


class Answering(Protocol):
    """A request with an answer to put a cookie on; a websocket has none."""

    @property
    def response(self) -> Response | None:
        """The answer."""

    @property
    def secure(self) -> bool:
        """Whether the browser came by TLS."""


def set_cookie(answering: Answering, token: str) -> None:
    """Keep the browser logged in."""
    if answering.response is not None:
        answering.response.set_cookie(
            COOKIE,
            token,
            max_age=int(SESSION_LIFETIME.total_seconds()),
            path="/",
            secure=answering.secure,
            httponly=True,
            samesite="strict",
        )


def clear_cookie(answering: Answering) -> None:
    """Have the browser forget."""
    if answering.response is not None:
        answering.response.delete_cookie(
            COOKIE, path="/", secure=answering.secure, httponly=True, samesite="strict"
        )


def token_of(connection: HTTPConnection) -> str | None:
    """The session token of a request: the header counts before the cookie."""
    header = connection.headers.get("authorization")
    return bearer(header) if header is not None else connection.cookies.get(COOKIE)


def bearer(header: object) -> str | None:
    """The token of `Bearer …`; None for anything else."""
    if not isinstance(header, str):
        return None
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
