"""The HTTP clients that scripts know, taught to ask the node: a sandbox has no network.

Each is changed right after its own import, so that a script pays for those it uses only.
`http.client` carries `urllib.request` and whatever else is built on it, `urllib3` carries
`requests`, and `httpx` has transports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from _picloud import http_httpx, http_pyodide
from _picloud.calls import CallError
from _picloud.fetching import Answer, Request
from _picloud.http_wire import Wire
from pic.fetch import REDIRECTS, FetchError, FetchRequest, FetchResponse
from pic.fetch import install as install_transport
from pic.multi import Headers


def install() -> None:
    """Before the snapshot is made: nothing is imported by this."""
    install_transport(_send, _asend)
    sys.meta_path.insert(0, _Finder())


def _send(request: FetchRequest) -> FetchResponse:
    try:
        return _response(_translated(request).send())
    except CallError as error:
        raise FetchError(error.code, error.message) from None


async def _asend(request: FetchRequest) -> FetchResponse:
    try:
        return _response(await _translated(request).asend())
    except CallError as error:
        raise FetchError(error.code, error.message) from None


def _translated(request: FetchRequest) -> Request:
    return Request(
        request.method,
        request.url,
        request.headers,
        request.body,
        redirects=REDIRECTS,
        timeout=request.timeout,
    )


def _response(answer: Answer) -> FetchResponse:
    return FetchResponse(answer.status, Headers(answer.headers), answer.body, answer.url)


def _patch_http_client(module: Any) -> None:
    def connect(connection: Any) -> None:
        scheme = "https" if isinstance(connection, module.HTTPSConnection) else "http"
        # a tunnel leads through a proxy, of which there is none: the node goes there itself
        host = connection._tunnel_host or connection.host
        port = connection._tunnel_port or connection.port
        connection.sock = Wire(scheme, host, port, connection.timeout)

    module.HTTPConnection.connect = connect
    module.HTTPSConnection.connect = connect


def _patch_urllib_request(module: Any) -> None:
    """urllib sends credentials on to wherever it is redirected."""
    handler = module.HTTPRedirectHandler
    original = handler.redirect_request

    def redirect_request(self: Any, req: Any, *rest: Any) -> Any:
        new = original(self, req, *rest)
        if new is not None and (new.type, new.host) != (req.type, req.host):
            for name in ("Authorization", "Cookie", "Proxy-authorization"):
                new.remove_header(name)
        return new

    handler.redirect_request = redirect_request


def _patch_urllib3(module: Any) -> None:
    """Its own connections are `http.client`'s, with sockets of their own making."""

    def new_conn(connection: Any) -> Wire:
        return Wire("http", connection.host, connection.port, connection.timeout, eager=False)

    def connect(connection: Any) -> None:
        host, port = connection.host, connection.port
        connection.sock = Wire("https", host, port, connection.timeout, eager=False)
        connection.is_verified = True  # by the node, which always does

    module.HTTPConnection._new_conn = new_conn
    module.HTTPConnection.is_connected = property(lambda self: self.sock is not None)
    module.HTTPSConnection.connect = connect


def _patch_urllib3_emscripten(module: Any) -> None:
    """Without it urllib3 would look for a browser, which knows nothing of cookies either."""
    module.inject_into_urllib3 = lambda: None


_PATCHES: dict[str, Callable[[Any], None]] = {
    "http.client": _patch_http_client,
    "urllib.request": _patch_urllib_request,
    "pyodide.http": http_pyodide.patch,
    "urllib3.connection": _patch_urllib3,
    "urllib3.contrib.emscripten": _patch_urllib3_emscripten,
    "httpx._transports.default": http_httpx.patch,
}


class _Finder(MetaPathFinder):
    """Knows the modules to change; the other finders find them."""

    def find_spec(
        self, fullname: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        patch = _PATCHES.get(fullname)
        if patch is None:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)):
                if spec.loader is not None:
                    spec.loader = _Patching(spec.loader, patch)
                return spec
        return None


class _Patching(Loader):
    """Loads a module as its own loader does, then changes it."""

    def __init__(self, loader: Loader, patch: Callable[[Any], None]) -> None:
        self._loader = loader
        self._patch = patch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._patch(module)
