"""An issuer of OpenID Connect: where people are sent to log in, and what it says of who comes back.

The authorization code flow with PKCE, state and nonce. Authlib and joserfc know the protocol; they
are imported with the first log-in. What an issuer answers is believed only if its signature and
every claim fit. (ADR 0016)
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlsplit

from picloud.config_values import Secret
from picloud.domain.failures import IssuerRefused
from picloud.errors import Expected

if TYPE_CHECKING:
    import httpx

METADATA_LIFETIME: Final = 3600.0  # seconds
TIMEOUT: Final = 10.0  # seconds for each part of an exchange with the issuer
LEEWAY: Final = 60  # seconds that two clocks may differ
# No symmetric one: the client's secret is no signing key, and `none` signs nothing.
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
_FORM: Final = "application/x-www-form-urlencoded"
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class IssuerUnavailable(Expected):
    """The issuer of OpenID Connect does not answer as one. Try again in a moment."""

    code = "issuer_unavailable"
    status = 502


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """How this platform is known to an issuer."""

    issuer: str  # its address, exactly as its tokens name it
    client_id: str
    client_secret: Secret | None  # None: a public client
    scopes: str
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What must be remembered of somebody who was sent to the issuer."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Who came back, as the issuer says. `email` is None unless it was verified there."""

    issuer: str
    subject: str
    email: str | None


class Issuer:
    """One issuer. Its metadata and keys are kept for an hour; no connection is kept."""

    def __init__(self, settings: IssuerSettings) -> None:
        self._settings = settings
        self._metadata: Mapping[str, Any] = {}
        self._keys: Mapping[str, Any] = {}
        self._fresh_until = 0.0
        self._tls: ssl.SSLContext | None = None

    async def depart(self) -> tuple[str, Departure]:
        """The address to send a browser to; raises `IssuerUnavailable`."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        metadata = await self._discover()
        departure = Departure(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
        )
        address: str = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self._settings.client_id,
            response_type="code",
            redirect_uri=self._settings.redirect_uri,
            scope=self._settings.scopes,
            state=departure.state,
            nonce=departure.nonce,
            code_challenge=create_s256_code_challenge(departure.verifier),
            code_challenge_method="S256",
        )
        return address, departure

    async def arrive(self, *, code: str, issuer: str | None, departure: Departure) -> Vouched:
        """Who a code stands for; raises `IssuerRefused`, `IssuerUnavailable`.

        `issuer` is who sent the browser back, where the issuer says so (RFC 9207).
        """
        metadata = await self._discover()
        if issuer is not None and issuer != self._settings.issuer:
            raise IssuerRefused("The browser comes back from another issuer.")
        async with self._client() as http:
            tokens = await self._redeem(http, metadata, code, departure)
            claims = await self._verify(http, metadata, tokens, nonce=departure.nonce)
            if "email" not in claims and (where := metadata.get("userinfo_endpoint")):
                claims |= await _userinfo(http, where, tokens, subject=claims["sub"])
        verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        return Vouched(
            issuer=self._settings.issuer,
            subject=claims["sub"],
            email=claims["email"] if verified else None,
        )

    async def _discover(self) -> Mapping[str, Any]:
        if time.monotonic() < self._fresh_until:
            return self._metadata
        address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        async with self._client() as http:
            metadata = await _json(http, address)
            if metadata.get("issuer") != self._settings.issuer:
                raise IssuerUnavailable(
                    f"What answers at {address} says it is the issuer {metadata.get('issuer')!r}."
                )
            self._require_endpoints(metadata)
            self._keys = await _json(http, metadata["jwks_uri"])
        self._metadata = metadata
        self._fresh_until = time.monotonic() + METADATA_LIFETIME
        return metadata

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that follows no redirect; whatever fails on the way is the issuer's."""
        import certifi
        import httpx

        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.load_verify_locations(certifi.where())
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT, verify=self._tls) as client:
                yield client
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise IssuerUnavailable from exc

    def _require_endpoints(self, metadata: Mapping[str, Any]) -> None:
        scheme = urlsplit(self._settings.issuer).scheme
        for name in _ENDPOINTS:
            address = metadata.get(name)
            if not isinstance(address, str) or urlsplit(address).scheme not in (scheme, "https"):
                raise IssuerUnavailable(f"The issuer names no usable {name}.")

    async def _redeem(
        self, http: httpx.AsyncClient, metadata: Mapping[str, Any], code: str, departure: Departure
    ) -> Mapping[str, Any]:
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        body = prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=self._settings.redirect_uri,
            code_verifier=departure.verifier,
        )
        client, secret = self._settings.client_id, self._settings.client_secret
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is None:
            auth = ClientAuth(client, None, "none")
        elif "client_secret_basic" in offered:
            # RFC 6749, 2.3.1: each half is encoded as in a form, which Authlib leaves to us.
            auth = ClientAuth(quote_plus(client), quote_plus(secret.reveal()))
        else:
            auth = ClientAuth(client, secret.reveal(), "client_secret_post")
        headers = {"Accept": "application/json", "Content-Type": _FORM}
        address, headers, body = auth.prepare("POST", metadata["token_endpoint"], headers, body)
        return await _json(http, address, body=body, headers=headers)

    async def _verify(
        self,
        http: httpx.AsyncClient,
        metadata: Mapping[str, Any],
        tokens: Mapping[str, Any],
        *,
        nonce: str,
    ) -> dict[str, Any]:
        """The claims of an ID token that the issuer signed, for us, now, and for this nonce."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import InvalidKeyIdError, JoseError

        options = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "aud": {"essential": True, "value": self._settings.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        params = {"client_id": self._settings.client_id, "access_token": tokens.get("access_token")}
        try:
            try:
                decoded = self._decode(metadata, tokens)
            except InvalidKeyIdError:  # the issuer has new keys
                self._keys = await _json(http, metadata["jwks_uri"])
                decoded = self._decode(metadata, tokens)
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(int(time.time()), LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as exc:
            raise IssuerRefused("The issuer's ID token is not valid for this log-in.") from exc
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise IssuerRefused("The issuer's ID token has no usable subject.")
        return dict(claims)

    def _decode(self, metadata: Mapping[str, Any], tokens: Mapping[str, Any]) -> Any:
        from joserfc import jwt
        from joserfc.jwk import KeySet

        offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        allowed = [name for name in ALGORITHMS if name in offered]
        keys = [key for key in self._keys["keys"] if key.get("kty") in ("RSA", "EC", "OKP")]
        key_set = KeySet.import_key_set({"keys": keys})
        return jwt.decode(tokens["id_token"], key_set, algorithms=allowed)


async def _json(
    http: httpx.AsyncClient,
    address: str,
    *,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    method = "GET" if body is None else "POST"
    answer = await http.request(method, address, content=body, headers=headers)
    try:
        document = answer.json()
    except ValueError:
        document = None
    if 400 <= answer.status_code < 500 and body is not None:
        raise IssuerRefused("The issuer does not accept this log-in, or took it before.")
    if answer.status_code != 200 or not isinstance(document, dict):
        raise IssuerUnavailable
    return document


async def _userinfo(
    http: httpx.AsyncClient, address: str, tokens: Mapping[str, Any], *, subject: str
) -> dict[str, Any]:
    """What the issuer's userinfo adds; that of another subject is refused."""
    headers = {"Authorization": f"Bearer {tokens.get('access_token')}"}
    found = await _json(http, address, headers=headers)
    if found.get("sub") != subject:
        raise IssuerRefused("The issuer's userinfo is about somebody else.")
    return {name: found[name] for name in ("email", "email_verified") if name in found}
