"""`/auth/oidc/start` and `/auth/oidc/callback`: a browser's way to the issuer and back.

What must be remembered meanwhile is in a cookie of the browser, not in the database: an address
anybody may call leaves nothing behind. A state that is not this browser's is refused.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from picloud.domain.failures import IssuerRefused, NotFound, TooManyAttempts
from picloud.domain.session import SESSION_LIFETIME
from picloud.errors import Expected
from picloud.manager.client_address import client_of
from picloud.manager.issuer import Departure
from picloud.manager.session_cookie import (
    COOKIE,
    DEPARTURE_COOKIE,
    DEPARTURE_LIFETIME,
    cookie_name,
    drop,
    is_secure,
    put,
)
from picloud.manager.single_sign_on import SingleSignOn

logger = logging.getLogger(__name__)

CALLBACK: Final = "/auth/oidc/callback"
HOME: Final = "/"
MAX_CODE: Final = 4096


class OidcEndpoints:
    """Both addresses; without an issuer they are not found."""

    def __init__(self, single_sign_on: SingleSignOn | None, *, public_url: str) -> None:
        self._single_sign_on = single_sign_on
        self._public_url = public_url

    def routes(self) -> list[Route]:
        """For the application."""
        return [Route("/auth/oidc/start", self._start), Route(CALLBACK, self._callback)]

    async def _start(self, request: Request) -> Response:
        try:
            address, departure = await self._service().depart()
        except Expected as failure:
            return _refusal(failure)
        response = RedirectResponse(address, status_code=303)
        response.headers["cache-control"] = "no-store"
        put(
            response,
            DEPARTURE_COOKIE,
            _pack(departure),
            secure=is_secure(request, public_url=self._public_url),
            lifetime=DEPARTURE_LIFETIME,
            same_site="lax",  # the issuer's page is another site, and sends the browser back
        )
        return response

    async def _callback(self, request: Request) -> Response:
        secure = is_secure(request, public_url=self._public_url)
        try:
            response = await self._arrive(request, secure=secure)
        except Expected as failure:
            logger.info("log-in by the issuer refused", extra={"code": failure.code})
            response = _refusal(failure)
        drop(response, DEPARTURE_COOKIE, secure=secure, same_site="lax")
        return response

    async def _arrive(self, request: Request, *, secure: bool) -> Response:
        service = self._service()
        query = request.query_params
        departure = _unpack(request.cookies.get(cookie_name(DEPARTURE_COOKIE, secure=secure)))
        given = query.get("state", "").encode()
        if departure is None or not hmac.compare_digest(departure.state.encode(), given):
            raise IssuerRefused("This log-in was not begun in this browser, or took too long.")
        code = query.get("code", "")
        if "error" in query or not 0 < len(code) <= MAX_CODE:
            raise IssuerRefused("The issuer did not let you in.")
        login = await service.arrive(
            client_of(request), code=code, issuer=query.get("iss"), departure=departure
        )
        response = RedirectResponse(HOME, status_code=303)
        response.headers["cache-control"] = "no-store"
        put(
            response,
            COOKIE,
            login.token,
            secure=secure,
            lifetime=SESSION_LIFETIME,
            same_site="strict",
        )
        return response

    def _service(self) -> SingleSignOn:
        if self._single_sign_on is None:
            raise NotFound(kind="issuer to log in with")
        return self._single_sign_on


def _refusal(failure: Expected) -> Response:
    headers = {"cache-control": "no-store"}
    if isinstance(failure, TooManyAttempts):
        headers["retry-after"] = str(failure.retry_after)
    body = {"error": {"code": failure.code, "message": failure.message}}
    return JSONResponse(body, status_code=failure.status, headers=headers)


def _pack(departure: Departure) -> str:
    parts = json.dumps([departure.state, departure.nonce, departure.verifier])
    return base64.urlsafe_b64encode(parts.encode()).decode()


def _unpack(text: str | None) -> Departure | None:
    try:
        parts = json.loads(base64.urlsafe_b64decode(text or ""))
        state, nonce, verifier = parts
    except ValueError:
        return None
    if not all(isinstance(part, str) and len(part) >= 43 for part in parts):
        return None
    return Departure(state=state, nonce=nonce, verifier=verifier)
