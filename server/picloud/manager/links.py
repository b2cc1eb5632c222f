"""What a browser shows that opens the link of an invitation or a password reset."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def routes() -> list[Route]:
    """For the application. The secret is after the `#` of the link and does not come here."""
    return [Route("/join", _join), Route("/reset-password", _reset)]


async def _join(_request: Request) -> Response:
    return _told("You are invited to this PiCloud. Come in from a terminal:", "pic join")


async def _reset(_request: Request) -> Response:
    return _told("You may choose a new password, from a terminal:", "pic password reset")


def _told(what: str, command: str) -> Response:
    return PlainTextResponse(f"{what}\n\n    {command} 'THIS WHOLE LINK'\n")
