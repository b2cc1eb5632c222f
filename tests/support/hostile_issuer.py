"""An issuer that lies as a test tells it to; whatever it is not told to lie about is right."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import Key, KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from picloud.serve import QuietServer, make_config

CLIENT_ID: Final = "picloud"
CLIENT_SECRET: Final = "the client's secret, long enough for HMAC"
OWN_KEY: Final = RSAKey.generate_key(2048, {"kid": "own", "use": "sig"})
OTHER_KEY: Final = RSAKey.generate_key(2048, {"kid": "own", "use": "sig"})
NEW_KEY: Final = RSAKey.generate_key(2048, {"kid": "new", "use": "sig"})
SHARED_KEY: Final = OctKey.import_key(CLIENT_SECRET, {"kid": "own"})


@dataclass(slots=True)
class HostileIssuer:
    """What it says. `claims` replace the right ones, None takes one away."""

    address: str = ""
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    key: Key = field(default_factory=lambda: OWN_KEY)
    published: tuple[Key, ...] = (OWN_KEY,)
    algorithm: str = "RS256"
    id_token: str | None = None  # instead of a signed one
    token_answer: Response | None = None
    redeemed: list[Mapping[str, list[str]]] = field(default_factory=list)

    def application(self) -> Starlette:
        """Its four addresses."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks", self._jwks),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
            ]
        )

    async def _metadata(self, _request: Request) -> Response:
        document = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "userinfo_endpoint": f"{self.address}/userinfo",
            "jwks_uri": f"{self.address}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        return JSONResponse(document | self.metadata)

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse(KeySet(list(self.published)).as_dict(private=False))

    async def _token(self, request: Request) -> Response:
        self.redeemed.append(parse_qs((await request.body()).decode()))
        if self.token_answer is not None:
            return self.token_answer
        now = int(time.time())
        right = {
            "iss": self.address,
            "sub": "subject-1",
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
            "email": "ada@example.org",
            "email_verified": True,
        }
        claims = {name: value for name, value in (right | self.claims).items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of `none`, which is the point
            signed = self.id_token or jwt.encode(
                header, claims, self.key, algorithms=[self.algorithm]
            )
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": signed})

    async def _userinfo(self, _request: Request) -> Response:
        return JSONResponse(self.userinfo)


@asynccontextmanager
async def hostile_issuer() -> AsyncIterator[HostileIssuer]:
    """Serve one on a port of its own."""
    issuer = HostileIssuer()
    started = asyncio.Event()
    config = make_config(issuer.application(), "127.0.0.1:0", drain_seconds=1)
    server = QuietServer(config, on_started=started.set)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        await started.wait()
        issuer.address = f"http://127.0.0.1:{server.port}"
        try:
            yield issuer
        finally:
            server.request_stop()
