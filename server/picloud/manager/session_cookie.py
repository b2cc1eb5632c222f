"""The cookies of browsers: the session's, and that of somebody who is away at an issuer.

Scripts never see them. By TLS their names begin with `__Host-`, so that no other host of the domain
can set them; browsers refuse such names by plain HTTP, where the bare names are used. Only the
name that fits the way a request came is read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, Protocol

from starlette.requests import HTTPConnection
from starlette.responses import Response

from picloud.domain.session import SESSION_LIFETIME, SESSION_PREFIX

COOKIE: Final = "picloud_session"
DEPARTURE_COOKIE: Final = "picloud_departure"
DEPARTURE_LIFETIME: Final = timedelta(minutes=10)  # to log in at the issuer
_HOST_ONLY: Final = "__Host-"


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
        put(
            answering.response,
            COOKIE,
            token,
            secure=answering.secure,
            lifetime=SESSION_LIFETIME,
            same_site="strict",
        )


def clear_cookie(answering: Answering) -> None:
    """Have the browser forget."""
    if answering.response is not None:
        drop(answering.response, COOKIE, secure=answering.secure, same_site="strict")


def put(
    response: Response,
    name: str,
    value: str,
    *,
    secure: bool,
    lifetime: timedelta,
    same_site: Literal["strict", "lax"],
) -> None:
    """Set a cookie that no script of a page can read."""
    response.set_cookie(
        cookie_name(name, secure=secure),
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite=same_site,
    )


def drop(
    response: Response, name: str, *, secure: bool, same_site: Literal["strict", "lax"]
) -> None:
    """Take a cookie back."""
    response.delete_cookie(
        cookie_name(name, secure=secure), path="/", secure=secure, httponly=True, samesite=same_site
    )


def cookie_name(name: str, *, secure: bool) -> str:
    """What a cookie is called, by the way the browser came."""
    return f"{_HOST_ONLY}{name}" if secure else name


def is_secure(connection: HTTPConnection, *, public_url: str) -> bool:
    """Whether the browser came by TLS: our own front door says so, or one before it must have."""
    if public_url.startswith("https:"):
        return True
    scheme = connection.headers.get("x-forwarded-proto", connection.url.scheme)
    return scheme in ("https", "wss")


def token_of(connection: HTTPConnection, *, secure: bool) -> str | None:
    """The token of a request: a header counts before the cookie, which only holds sessions."""
    header = connection.headers.get("authorization")
    if header is not None:
        return bearer(header)
    session = connection.cookies.get(cookie_name(COOKIE, secure=secure), "")
    return session if session.startswith(SESSION_PREFIX) else None


def bearer(header: object) -> str | None:
    """The token of `Bearer …`; None for anything else."""
    if not isinstance(header, str):
        return None
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
