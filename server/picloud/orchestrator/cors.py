"""Pages of other origins: what a browser is told of who may call a route."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from picloud.domain.endpoint import ANY_ORIGIN, Cors
from picloud.orchestrator.answers import Headers
from picloud.orchestrator.refusals import OriginRefused

if TYPE_CHECKING:
    from picloud.orchestrator.routing import AppRoutes

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_PREFIX: Final = b"access-control-"
_EXPOSED: Final = "picloud-invocation-id"
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_MOST_NAMES: Final = 50  # of headers that a page may ask for
_VARY: Final = (
    b"vary",
    b"origin, access-control-request-method, access-control-request-headers",
)


def answering(send: Send, cors: Cors, headers: Iterable[tuple[bytes, bytes]]) -> Send:
    """Tell the browser whether the page may read the answer; a script's own words are dropped."""
    added = _actual(cors, _first(headers, b"origin"))

    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [line for line in message["headers"] if not line[0].startswith(_PREFIX)]
            message = {**message, "headers": [*kept, *added]}
        await send(message)

    return send_with_cors


def preflight(
    routes: AppRoutes, raw_path: str, headers: list[tuple[bytes, bytes]]
) -> Headers | None:
    """The headers that answer a browser's question before it calls a route.

    None when it is no such question, or the route leaves the answer to its script. Raises
    OriginRefused.
    """
    origin = _first(headers, b"origin")
    method = _first(headers, b"access-control-request-method")
    if not origin or not _NAME.fullmatch(method):
        return None
    target, _, _ = routes.find(method, raw_path)
    if target is None or target.guard.cors is None:
        return None
    cors = target.guard.cors
    if not _allows(cors, origin):
        raise OriginRefused(f"{origin[:200]!r} is not in the route's list of origins.")
    asked = _first(headers, b"access-control-request-headers")
    names = cors.allow_headers or _names(asked)
    answer = [
        (b"access-control-allow-origin", _origin(cors, origin)),
        (b"access-control-allow-methods", method.encode()),
        (b"access-control-max-age", b"%d" % cors.max_age_seconds),
        _VARY,
    ]
    if names:
        answer.append((b"access-control-allow-headers", ", ".join(names).encode()))
    if cors.credentials:
        answer.append((b"access-control-allow-credentials", b"true"))
    return answer


def _actual(cors: Cors, origin: str) -> Headers:
    added: Headers = [] if ANY_ORIGIN in cors.origins else [(b"vary", b"origin")]
    if origin and _allows(cors, origin):
        exposed = ", ".join((_EXPOSED, *cors.expose_headers))
        added += [
            (b"access-control-allow-origin", _origin(cors, origin)),
            (b"access-control-expose-headers", exposed.encode()),
        ]
        if cors.credentials:
            added.append((b"access-control-allow-credentials", b"true"))
    return added


def _allows(cors: Cors, origin: str) -> bool:
    return ANY_ORIGIN in cors.origins or origin in cors.origins


def _origin(cors: Cors, origin: str) -> bytes:
    return b"*" if ANY_ORIGIN in cors.origins else origin.encode("latin-1")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    return [name for name in names[:_MOST_NAMES] if _NAME.fullmatch(name)]


def _first(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == wanted), "")
