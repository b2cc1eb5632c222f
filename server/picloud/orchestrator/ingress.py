"""The way in: a raw ASGI application that turns HTTP requests into invocations.

Everything on the way of a warm request is in `__call__` and the few functions it names; nothing
here waits for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from asyncpg.pgproto.pgproto import UUID  # several times quicker to make than the stdlib's

from picloud.domain.ids import IdMaker
from picloud.domain.invocation import Outcome
from picloud.errors import Expected
from picloud.executor.messages import InvocationFailed
from picloud.orchestrator import answers, cors, previews
from picloud.orchestrator.answers import Headers, HeadReader
from picloud.orchestrator.heads import RequestHead, client_address
from picloud.orchestrator.invocation import Invocation
from picloud.orchestrator.moves import moved_answer
from picloud.orchestrator.rates import Rates
from picloud.orchestrator.refusals import (
    MOST_HEADERS,
    MOST_HOPS,
    BodyTooLarge,
    HeadersTooLarge,
    LoopDetected,
    RateLimited,
    Refused,
    TooManyResponses,
)
from picloud.orchestrator.routing import AppRoutes, Found, Split
from picloud.telemetry.records import version_ids

if TYPE_CHECKING:
    from picloud.orchestrator.dispatch import Dispatcher
    from picloud.orchestrator.gate import Gate
    from picloud.orchestrator.previews import Previews
    from picloud.store.routing import RouteRow
    from picloud.telemetry.writer import RecordWriter

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODILESS: Final = frozenset((204, 304))  # HTTP gives these no body
PREFIX: Final = "/x/"

STOPPED: Final = InvocationFailed(
    Outcome.CANCELLED, "cancelled", "the node stopped before the invocation ended"
)


class _CallerLeft(Exception):  # noqa: N818 - nobody is there to be told
    """The connection closed before the request was whole."""


class Ingress:
    """The node's ASGI application (called `asgi_app` where it is served)."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        writer: RecordWriter,
        gate: Gate,
        previews: Previews,
        *,
        base_domain: str,
        is_ready: Callable[[], bool],
        is_weak: bool = False,
    ) -> None:
        self._dispatcher = dispatcher
        self._writer = writer
        self._gate = gate
        self._previews = previews
        self._host_suffix = b"." + base_domain.encode()
        self._is_ready = is_ready
        self._ready_text = b"ready, with weak isolation\n" if is_weak else b"ready\n"
        self._rates = Rates()
        self._streaming: Counter[object] = Counter()  # open streamed answers, by script
        self._ids = IdMaker()
        self._heads = HeadReader()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _refuse_websocket(scope, receive, send)
            return
        request = RequestHead(scope["headers"])
        key = (scope["method"], scope["raw_path"], request.host)
        found = self._dispatcher.table.remembered(key)
        if found is None:
            found = await self._find(key, scope, request, send)
            if found is None:
                return
        if found.split is not None:
            found = found.split.pick()
        body, refusal, guarded = b"", None, found.guarded
        if guarded:
            if (allowed := found.target.guard.cors) is not None:
                send = cors.answering(send, allowed, scope["headers"])
            refusal = await self._gate.enter(found, scope, request)
        if refusal is None:
            refusal = self._refusal(request, found)
        if request.has_body and refusal is None:
            try:
                body = await _body(request, receive, found.target.limits.request_bytes)
            except BodyTooLarge as error:
                refusal = error
            except _CallerLeft:
                return
        if guarded and refusal is None:
            refusal = await self._gate.check_body(found, scope, request, body)
        invocation = self._invocation(scope, receive, request, found, body)
        try:
            if refusal is not None:
                raise refusal
            self._dispatcher.submit(invocation)
            payload = await invocation.response
        except InvocationFailed as failure:
            await self._send_failure(send, invocation, failure)
        except Refused as error:
            await self._send_refused(send, invocation, error)
        else:
            await self._send_answer(send, invocation, payload, own_host=found.own_host)
        finally:
            if not invocation.finished:  # this task was cancelled: the node is stopping
                invocation.finish(None, STOPPED)

    async def _find(
        self, key: tuple[str, bytes, bytes], scope: Scope, request: RequestHead, send: Send
    ) -> Found | None:
        """The route of a request seen for the first time; None when it has been answered."""
        method, raw_path, host = key
        app_name, path, mount = self._address(raw_path, host)
        if app_name is None:
            await self._own_page(path, send)
            return None
        if path.startswith(previews.PREFIX):
            return await self._preview(scope, request, (app_name, path, mount), send)
        table = self._dispatcher.table
        routes = table.apps.get(app_name)
        if routes is None:
            if (name := table.aliases.get(app_name)) is not None:
                moved = moved_answer(scope, request, former=app_name, name=name, mount=mount)
                await _send_whole(send, 308, *moved)
            else:
                await _send_error(send, 404, "not_found", f"There is no app {app_name!r}.")
            return None
        if method == "OPTIONS" and await _answer_preflight(routes, path, scope, send):
            return None
        target, params, allowed = routes.find(method, path)
        if target is None:
            await _send_no_route(send, app_name, method, path, allowed)
            return None
        shares = [_found(row, path, params, mount, not mount) for row in routes.versions(target)]
        found = shares[0]
        if len(shares) > 1:
            found = found._replace(split=Split(shares))
        if method != "OPTIONS":  # the next one may be a browser's question
            table.remember(key, found)
        return found

    async def _preview(
        self, scope: Scope, request: RequestHead, address: tuple[str, str, str], send: Send
    ) -> Found | None:
        """One version for who may invoke it; None when the request has been answered."""
        app_name, path, mount = address
        token = previews.take_token(scope["headers"], request.lines)
        try:
            found = await self._previews.find(app_name, scope["method"], path, token)
        except Expected as error:
            extra = {"www_authenticate": "Bearer"} if error.status == 401 else {}
            if isinstance(error, Refused) and error.retry_after:
                extra["retry_after"] = str(error.retry_after)
            await _send_error(send, error.status, error.code, error.message, **extra)
        else:
            return _found(found.target, found.path, found.params, mount + found.mount, not mount)
        return None

    def _refusal(self, request: RequestHead, found: Found) -> Refused | None:
        """Why a request is not run, as far as its head and its script's rate tell."""
        limits = found.target.limits
        lines = request.lines
        if len(lines) > MOST_HEADERS or sum(map(len, lines)) > limits.header_bytes:
            said = f"header_bytes={limits.header_bytes} or {MOST_HEADERS} headers"
            return HeadersTooLarge(f"The request has more than {said}.")
        if request.hops >= MOST_HOPS:
            return LoopDetected(f"The request has gone through {MOST_HOPS} scripts, which is most.")
        if limits.rate_per_second:
            script = found.target.script_id
            wait = self._rates.take(script, limits.rate_per_second, time.monotonic())
            if wait:
                said = f"The script gets more than rate_per_second={limits.rate_per_second}."
                return RateLimited(said, retry_after=wait)
        return None

    def _invocation(
        self, scope: Scope, receive: Receive, request: RequestHead, found: Found, body: bytes
    ) -> Invocation:
        target = found.target
        id = self._ids.new_int().to_bytes(16, "big")
        head = (
            f"{id.hex()}\n{target.limits.timeout_ms}\n{scope['method']}\n{found.path}\n"
            f"{scope['query_string'].decode('latin-1')}\n{client_address(scope, request)}\n"
            f"{found.params}\n{request.proto}\n{found.mount}"
        )
        invocation = Invocation(
            self._dispatcher.loop,
            self._writer,
            found,
            UUID(id),
            scope["method"],
            b"\n".join((head.encode("latin-1"), *request.lines)),
            body,
            receive,
        )
        if request.hops:
            invocation.hops = request.hops
        return invocation

    def _address(self, raw_path: bytes, host: bytes) -> tuple[str | None, str, str]:
        """App, path inside it and the prefix it is mounted at; no app for our own pages."""
        path = raw_path.decode("latin-1")
        name, _, _port = host.partition(b":")
        if name.endswith(self._host_suffix):
            return name[: -len(self._host_suffix)].decode("latin-1").lower(), path, ""
        if path.startswith(PREFIX):
            app_name, _, rest = path[len(PREFIX) :].partition("/")
            return app_name, "/" + rest, PREFIX + app_name
        return None, path, ""

    async def _send_answer(
        self, send: Send, invocation: Invocation, payload: bytes, own_host: bool
    ) -> None:
        try:
            status, headers, body = self._heads.read_answer(
                payload, own_host, invocation.target.limits
            )
        except InvocationFailed as failure:
            invocation.give_up(failure)
            await self._send_failure(send, invocation, failure)
            return
        if not invocation.whole:
            await self._stream(send, invocation, status, headers, body)
            return
        headers = [*headers, (b"picloud-invocation-id", str(invocation.id).encode())]
        if status in BODILESS:
            body = b""
        else:
            headers.append((b"content-length", b"%d" % len(body)))
        invocation.bytes_out = len(body)
        invocation.finish(status)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(
        self, send: Send, invocation: Invocation, status: int, headers: Headers, first: bytes
    ) -> None:
        """A streamed answer, unless the script has as many open as it may."""
        script, most = invocation.target.script_id, invocation.target.limits.open_responses
        if self._streaming[script] >= most:
            said = f"open_responses={most} streamed answers of the script are open already"
            refusal = TooManyResponses(said, retry_after=1)
            invocation.give_up(InvocationFailed(Outcome.REJECTED, refusal.code, said))
            await self._send_refused(send, invocation, refusal)
            return
        self._streaming[script] += 1
        try:
            await _send_stream(send, invocation, status, headers, first)
        finally:
            self._streaming[script] -= 1
            if not self._streaming[script]:
                del self._streaming[script]

    async def _send_failure(
        self, send: Send, invocation: Invocation, failure: InvocationFailed
    ) -> None:
        status = answers.status_of(failure)
        invocation.finish(status, failure)
        extra = {"retry_after": "1"} if status == 503 else {}
        await _send_error(
            send,
            status,
            failure.code,
            answers.public_message(failure),
            str(invocation.id),
            **extra,
        )

    async def _send_refused(self, send: Send, invocation: Invocation, error: Refused) -> None:
        failure = InvocationFailed(Outcome.REJECTED, error.code, error.message)
        invocation.finish(error.status, failure)
        await _send_error(
            send, error.status, error.code, error.message, str(invocation.id), **error.headers
        )

    async def _own_page(self, path: str, send: Send) -> None:
        if path == "/healthz":
            await _send_text(send, 200, b"ok\n")
        elif path == "/readyz":
            ready = self._is_ready()
            text = self._ready_text if ready else b"not ready\n"
            await _send_text(send, 200 if ready else 503, text)
        else:
            await _send_error(send, 404, "not_found", "Apps answer at /x/{app}/{path}.")


def _found(row: RouteRow, path: str, params: str, mount: str, own_host: bool) -> Found:
    ids = version_ids(row.app_id, row.script_id, row.version_id)
    guarded = not row.guard.is_open or bool(row.app_rate_limits)
    return Found(row, path, params, mount, ids, guarded, own_host)


async def _body(request: RequestHead, receive: Receive, most: int) -> bytes:
    """The whole body: a slow sender must not hold a sandbox."""
    if request.length > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _CallerLeft
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The request body is larger than request_bytes={most}.")


async def _send_stream(
    send: Send,
    invocation: Invocation,
    status: int,
    headers: Headers,
    first: bytes,
) -> None:
    """Send an answer chunk by chunk; a caller that leaves cancels the invocation."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"picloud-invocation-id", str(invocation.id).encode())],
        }
    )
    invocation.watch_caller()
    failure = None
    try:
        if first:
            await _send_chunk(send, invocation, status, first)
        async for chunk in invocation.chunks():
            await _send_chunk(send, invocation, status, chunk)
    except InvocationFailed as error:
        failure = error
    finally:
        invocation.finish(status, failure)
    if failure is None:
        await send({"type": "http.response.body", "body": b""})
    else:
        # No last chunk: the server closes the connection, and the caller sees it broke off.
        raise BrokenAnswer(failure.code)


async def _send_chunk(send: Send, invocation: Invocation, status: int, chunk: bytes) -> None:
    """Send one chunk. Raises InvocationFailed when its reader does not take it in time."""
    if status in BODILESS:
        return
    idle_ms = invocation.target.limits.stream_idle_ms
    invocation.bytes_out += len(chunk)
    try:
        async with asyncio.timeout(idle_ms / 1000):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except TimeoutError:
        said = f"the caller read nothing for stream_idle_ms={idle_ms}"
        failure = InvocationFailed(Outcome.TIMEOUT, "timeout", said)
        invocation.give_up(failure)
        raise failure from None


class BrokenAnswer(Exception):  # noqa: N818 - the only way to make the server drop a connection
    """An answer broke off after its head had left. The invocation's record says why."""


def hide_broken_answers(record: logging.LogRecord) -> bool:
    """A filter for uvicorn's log: these are no faults of the server."""
    return not (record.exc_info and isinstance(record.exc_info[1], BrokenAnswer))


async def _send_no_route(
    send: Send, app_name: str, method: str, path: str, allowed: frozenset[str]
) -> None:
    if allowed:
        names = ", ".join(sorted(allowed))
        message = f"{path} of app {app_name!r} answers {names}, not {method}."
        await _send_error(send, 405, "method_not_allowed", message, allow=names)
    else:
        message = f"App {app_name!r} has no route for {path}."
        await _send_error(send, 404, "not_found", message)


async def _answer_preflight(routes: AppRoutes, path: str, scope: Scope, send: Send) -> bool:
    """Answer a browser that asks whether a page may call a route; False when it does not ask."""
    try:
        headers = cors.preflight(routes, path, scope["headers"])
    except Refused as error:
        await _send_error(send, error.status, error.code, error.message, vary="origin")
        return True
    if headers is None:
        return False
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
    return True


async def _send_error(
    send: Send,
    status: int,
    code: str,
    message: str,
    invocation_id: str | None = None,
    **extra: str,
) -> None:
    headers, body = answers.error_answer(status, code, message, invocation_id, **extra)
    await _send_whole(send, status, headers, body)


async def _send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_text(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "scripts answer HTTP"})
