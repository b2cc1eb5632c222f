"""The one place where the platform connects to what a script named.

httpcore dials through `GuardedBackend`: a name is resolved once per dial, every address it has is
judged, and the connection goes to a judged address, not to the name again.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Final

import httpcore

from picloud.domain.egress import is_address
from picloud.executor.calls import CallFailed
from picloud.executor.egress.addresses import AddressRules

Resolve = Callable[[str, int], Awaitable[list[str]]]

_RESOLVERS: Final = 8  # threads; system resolvers block
_MOST_ADDRESSES: Final = 4  # of one name that are tried
_READ: Final = 8 * 1024  # while a head is awaited: what comes with it is parsed at one go


class Meter:
    """Bounds what a server may send before the head of its answer has ended."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.awaiting_head = True
        self._taken = 0

    def took(self, size: int) -> None:
        """Count. Raises CallFailed beyond the limit."""
        self._taken += size
        if self.awaiting_head and self._taken > self.limit + _READ:
            raise headers_too_large(self.limit)


current_meter: ContextVar[Meter] = ContextVar("picloud_egress_meter")


class Resolver:
    """The system's resolver, in threads of its own so that slow names block nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        """All addresses of a name. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(each[4][0]) for each in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects where the rules allow, and nowhere else."""

    def __init__(self, rules: AddressRules, resolve: Resolve) -> None:
        self._rules = rules
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, judge, connect, and look who answered. Raises CallFailed."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._vetted(host, port)
                each = None if timeout is None else timeout / len(addresses)
                return await self._connect(addresses, host, port, each)
        except TimeoutError:
            raise no_connection(host, port, int((timeout or 0) * 1000)) from None

    async def _vetted(self, host: str, port: int) -> list[str]:
        addresses = [host]
        if not is_address(host):
            try:
                addresses = await self._resolve(host, port)
            except (OSError, UnicodeError):
                raise CallFailed("dns_failed", f"there is no host {host!r}") from None
        vetted = [each for each in addresses if self._rules.allows(host, each, port)]
        if not vetted:
            raise denied(host, port)
        return vetted[:_MOST_ADDRESSES]

    async def _connect(
        self, addresses: list[str], host: str, port: int, seconds: float | None
    ) -> httpcore.AsyncNetworkStream:
        for address in addresses:
            try:
                stream = await self._inner.connect_tcp(address, port, seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError):
                continue
            peer = stream.get_extra_info("server_addr")
            if not self._rules.allows(host, str(peer[0]), int(peer[1])):
                await stream.aclose()
                raise denied(host, port)
            return MeteredStream(stream)
        raise CallFailed("connect_failed", f"{host}:{port} can't be reached")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: scripts have no sockets of this machine."""
        raise denied(path, 0)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class MeteredStream(httpcore.AsyncNetworkStream):
    """A connection that counts what arrives for the request under way."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        meter = current_meter.get()
        size = _READ if meter.awaiting_head else max_bytes
        data = await self._stream.read(size, timeout)
        meter.took(len(data))
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            inner = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectError as error:
            cause = error.__cause__
            said = getattr(cause, "verify_message", None) or "the TLS handshake failed"
            raise CallFailed("tls_failed", f"{server_hostname}: {said}") from None
        return MeteredStream(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def denied(host: str, port: int) -> CallFailed:
    """The same words for whatever stands in the way: they tell nothing of the inside."""
    return CallFailed("egress_denied", f"connections to {host}:{port} are not allowed")


def no_connection(host: str, port: int, milliseconds: int) -> CallFailed:
    """Nobody answered in time."""
    return CallFailed(
        "connect_timeout", f"no connection to {host}:{port} within egress_connect_ms={milliseconds}"
    )


def headers_too_large(limit: int) -> CallFailed:
    """The answer's head is beyond the limit."""
    return CallFailed(
        "response_too_large", f"the headers of the answer exceed egress_header_bytes={limit}"
    )
