"""The gate before guarded routes: how often, then who. Open routes never come here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from picloud.domain.endpoint import AuthKind, RateLimit, RatePer
from picloud.executor.messages import InvocationFailed
from picloud.orchestrator.heads import AUTH_HEADER, RequestHead, client_address, session_token
from picloud.orchestrator.rates import Rates
from picloud.orchestrator.refusals import (
    AuthUnavailable,
    CallRefused,
    CredentialsInvalid,
    CredentialsMissing,
    OriginRefused,
    RateLimited,
    Refused,
    SignatureInvalid,
)
from picloud.orchestrator.signatures import signature_fault
from picloud.store.database import DATABASE_LOST
from picloud.store.key_file import VaultError

if TYPE_CHECKING:
    from picloud.orchestrator.callers import Callers
    from picloud.orchestrator.routing import Found
    from picloud.store.routing import RouteRow

Scope = MutableMapping[str, Any]
Secrets = Callable[["RouteRow"], Awaitable[Mapping[str, str]]]
_SAFE_METHODS: Final = frozenset(("GET", "HEAD"))
_OWN_PAGES: Final = frozenset((b"same-origin", b"none"))


class Gate:
    """Admits requests to guarded routes, or says why not."""

    def __init__(self, *, callers: Callers, secrets: Secrets, failures_per_minute: int) -> None:
        self._callers = callers
        self._secrets = secrets
        self._failures_per_minute = failures_per_minute
        self._rates = Rates()

    async def enter(self, found: Found, scope: Scope, request: RequestHead) -> Refused | None:
        """Judge a request by its head: its rate, then who sends it, unless its body is signed.

        Who sends it is added to the lines its script sees; credentials are taken away.
        """
        visit = _Visit(found.target, found.mount, scope, request)
        try:
            self._count(visit)
            await self._authenticate(visit)
        except Refused as refusal:
            return refusal
        return None

    async def check_body(
        self, found: Found, scope: Scope, request: RequestHead, body: bytes
    ) -> Refused | None:
        """Judge a request by its signature, where the route wants one."""
        auth = found.target.guard.auth
        if auth.kind is not AuthKind.HMAC or auth.scheme is None:
            return None
        visit = _Visit(found.target, found.mount, scope, request)
        try:
            self._trust(visit)
            key = await self._secret(visit.target)
            fault = signature_fault(auth, key, visit.headers, body, time.time())
            if fault is not None:
                refusal = SignatureInvalid(fault, challenge=visit.challenge("Signature"))
                raise self._failed(visit, refusal)
        except Refused as refusal:
            return refusal
        visit.identify(AuthKind.HMAC, auth.scheme)
        return None

    # -- rates -------------------------------------------------------------------------------

    def _count(self, visit: _Visit) -> None:
        """Take from all buckets or from none. Raises RateLimited."""
        target, now = visit.target, time.monotonic()
        limits = [(target.route_id, "route", limit) for limit in target.guard.rate_limits]
        limits += [(target.app_id, "app", limit) for limit in target.app_rate_limits]
        taken = []
        for owner, whose, limit in limits:
            key = (owner, limit.seconds, visit.client if limit.per is RatePer.CLIENT else None)
            wait = self._rates.wait(key, limit.requests, now, limit.seconds)
            if wait:
                raise RateLimited(_limit_met(whose, limit), retry_after=wait)
            taken.append((key, limit))
        for key, limit in taken:
            self._rates.take(key, limit.requests, now, limit.seconds)

    def _trust(self, visit: _Visit) -> None:
        """Check no credentials of who has shown too many wrong ones. Raises RateLimited."""
        most = self._failures_per_minute
        wait = self._rates.wait(visit.failures, most, time.monotonic(), 60.0)
        if wait:
            said = f"Wrong credentials came more often than auth_failures_per_minute={most}."
            raise RateLimited(said, retry_after=wait)

    def _failed(self, visit: _Visit, refusal: Refused) -> Refused:
        """Count wrong credentials."""
        most = self._failures_per_minute
        self._rates.take(visit.failures, most, time.monotonic(), 60.0)
        return refusal

    # -- credentials -------------------------------------------------------------------------

    async def _authenticate(self, visit: _Visit) -> None:
        match visit.target.guard.auth.kind:
            case AuthKind.TOKEN:
                await self._check_token(visit)
            case AuthKind.BASIC:
                await self._check_password(visit)
            case AuthKind.SESSION:
                await self._check_session(visit)
            case AuthKind.PUBLIC | AuthKind.HMAC:
                pass

    async def _check_token(self, visit: _Visit) -> None:
        token = visit.headers.get(b"picloud-token")
        if token is None:
            token = visit.authorization(b"bearer")
        if token is None:
            said = "Send an API token with the scope invoke: Authorization: Bearer pic_…"
            raise CredentialsMissing(said, challenge=visit.challenge("Bearer"))
        self._trust(visit)
        caller = await self._callers.identify(token.decode("latin-1"))
        if caller is None:
            challenge = visit.challenge("Bearer", error="invalid_token")
            refusal = CredentialsInvalid("The token is wrong or has ended.", challenge=challenge)
            raise self._failed(visit, refusal)
        if not caller.may_invoke(visit.target.app_id, visit.target.script_id):
            challenge = visit.challenge("Bearer", error="insufficient_scope", scope="invoke")
            said = "The token does not allow to invoke this script: it needs the scope invoke."
            raise CallRefused(said, challenge=challenge)
        visit.identify(AuthKind.TOKEN, caller.actor.user.email, str(caller.actor.credential.id))

    async def _check_password(self, visit: _Visit) -> None:
        given = visit.authorization(b"basic")
        challenge = visit.challenge("Basic", charset="UTF-8")
        if given is None:
            raise CredentialsMissing("Send a user name and a password.", challenge=challenge)
        self._trust(visit)
        user = visit.target.guard.auth.user or ""
        expected = f"{user}:{await self._secret(visit.target)}".encode()
        try:
            sent = base64.b64decode(given, validate=True)
        except binascii.Error:
            sent = b""
        if not hmac.compare_digest(_digest(sent), _digest(expected)):
            refusal = CredentialsInvalid("User name or password is wrong.", challenge=challenge)
            raise self._failed(visit, refusal)
        visit.identify(AuthKind.BASIC, user)

    async def _check_session(self, visit: _Visit) -> None:
        if not visit.mount:
            said = "This route answers on the platform's own host only, at /x/{app}/…"
            raise CallRefused(said)
        visit.require_own_page()
        token = session_token(visit.scope["headers"])
        challenge = visit.challenge("Session")
        if token is None:
            raise CredentialsMissing("Log in to the platform first.", challenge=challenge)
        self._trust(visit)
        caller = await self._callers.identify_session(token)
        if caller is None:
            said = "The session has ended: log in to the platform again."
            raise self._failed(visit, CredentialsInvalid(said, challenge=challenge))
        if not caller.may_invoke(visit.target.app_id, visit.target.script_id):
            raise CallRefused("Your role in this app does not allow to invoke its scripts.")
        visit.identify(AuthKind.SESSION, caller.actor.user.email, str(caller.actor.user.id))

    async def _secret(self, target: RouteRow) -> str:
        """The route's secret. Raises AuthUnavailable when it can't be had."""
        try:
            secret = (await self._secrets(target)).get(target.guard.auth.secret or "")
        except (InvocationFailed, VaultError, *DATABASE_LOST) as error:
            said = "The secret of this route can't be read at the moment: try again."
            raise AuthUnavailable(said, retry_after=1) from error
        if not secret:
            raise AuthUnavailable("The secret of this route is not set in its app.")
        return secret


class _Visit:
    """One request at the gate."""

    def __init__(self, target: RouteRow, mount: str, scope: Scope, request: RequestHead) -> None:
        self.target = target
        self.mount = mount
        self.scope = scope
        self._request = request
        self.headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # the first counts
        self.client = client_network(client_address(scope, request))
        self.failures = (target.app_id, "failures", self.client)

    def authorization(self, scheme: bytes) -> bytes | None:
        """What the header says for this scheme; unless asked otherwise its script won't see it."""
        given, _, value = self.headers.get(b"authorization", b"").partition(b" ")
        if given.lower() != scheme:
            return None
        if not self.target.guard.auth.keep_header:
            lines = self._request.lines
            lines[:] = [line for line in lines if not line.startswith(b"authorization:")]
        return value.strip()

    def challenge(self, scheme: str, **more: str) -> str:
        """How to log in."""
        parameters = {"realm": self.target.app_name, **more}
        return f"{scheme} " + ", ".join(f'{name}="{each}"' for name, each in parameters.items())

    def identify(self, kind: AuthKind, subject: str, id: str = "") -> None:
        """Tell the script who calls, in a header that no caller can send."""
        said = f"kind={kind}&subject={quote(subject)}" + (f"&id={id}" if id else "")
        self._request.lines.append(AUTH_HEADER + b":" + said.encode())

    def require_own_page(self) -> None:
        """Keep pages of other origins from using a browser's session. Raises OriginRefused.

        They may link here. A script's page in path form has an origin of its own, by its CSP.
        """
        safe = self.scope["method"] in _SAFE_METHODS
        site = self.headers.get(b"sec-fetch-site")
        if site is not None:
            linked = safe and self.headers.get(b"sec-fetch-mode") == b"navigate"
            own = site in _OWN_PAGES or linked
        else:
            origin = self.headers.get(b"origin")
            own = safe if origin is None else _host_of(origin) == self._request.host.lower()
        if not own:
            raise OriginRefused("A page of another origin may not use a session of the platform.")


def _digest(text: bytes) -> bytes:
    """Of one length whatever the text is: how long a comparison takes tells nothing."""
    return hashlib.sha256(text).digest()


def _limit_met(whose: str, limit: RateLimit) -> str:
    each = " from one address" if limit.per is RatePer.CLIENT else ""
    return f"The {whose} gets more{each} than rate_limit={limit}."


def client_network(address: str) -> str:
    """Whose requests are counted together: an address, or for IPv6 the network one is given."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


def _host_of(origin: bytes) -> bytes:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return b""
