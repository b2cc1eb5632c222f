"""The transports of httpx: requests leave by the node instead of by httpcore."""

from __future__ import annotations

from typing import Any

from _picloud.calls import CallError
from _picloud.fetching import Answer, Request

_DNS_AND_DIAL = ("dns_failed", "connect_failed", "egress_denied", "tls_failed")


def patch(module: Any) -> None:
    """Replace what both transports do; how they are made does not matter any more."""
    import httpx

    def make(self: Any, *_: Any, **__: Any) -> None:
        pass

    def handle(self: Any, request: Any) -> Any:
        body = b"".join(request.stream)
        try:
            return _response(httpx, _request(request, body).send(), request)
        except CallError as error:
            raise _error(httpx, error, request) from None

    async def ahandle(self: Any, request: Any) -> Any:
        body = b"".join([part async for part in request.stream])
        try:
            return _response(httpx, await _request(request, body).asend(), request)
        except CallError as error:
            raise _error(httpx, error, request) from None

    _replace(module.HTTPTransport, __init__=make, handle_request=handle, close=make)
    _replace(module.HTTPTransport, __enter__=lambda self: self, __exit__=make)
    _replace(module.AsyncHTTPTransport, __init__=make, handle_async_request=ahandle)
    _replace(module.AsyncHTTPTransport, aclose=_nothing, __aenter__=_itself, __aexit__=_nothing)


async def _nothing(self: Any, *_: Any) -> None:
    pass


async def _itself(self: Any) -> Any:
    return self


def _replace(kind: type, **methods: Any) -> None:
    for name, method in methods.items():
        setattr(kind, name, method)


def _request(request: Any, body: bytes) -> Request:
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw]
    timeouts = [each for each in request.extensions.get("timeout", {}).values() if each]
    return Request(
        request.method, str(request.url), headers, body, timeout=max(timeouts, default=None)
    )


def _response(httpx: Any, answer: Answer, request: Any) -> Any:
    return httpx.Response(
        answer.status,
        headers=answer.headers,
        stream=httpx.ByteStream(answer.body),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": answer.reason.encode("latin-1", "replace"),
        },
        request=request,
    )


def _error(httpx: Any, error: CallError, request: Any) -> Exception:
    kinds = {
        "timeout": httpx.ReadTimeout,
        "connect_timeout": httpx.ConnectTimeout,
        "connection_lost": httpx.ReadError,
        "response_invalid": httpx.RemoteProtocolError,
        "invalid_url": httpx.UnsupportedProtocol,
        "invalid_request": httpx.LocalProtocolError,
    }
    kind = httpx.ConnectError if error.code in _DNS_AND_DIAL else httpx.NetworkError
    made: Exception = kinds.get(error.code, kind)(f"{error.code}: {error.message}", request=request)
    return made
