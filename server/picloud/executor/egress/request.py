"""A request as a script asked for it, checked, and what redirects make of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from picloud.domain.egress import normal_host
from picloud.executor.calls import CallFailed

MAX_REDIRECTS: Final = 10
MAX_URL: Final = 16 * 1024
_PORTS: Final = {"http": 80, "https": 443}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_BAD_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_BAD_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_SAFE: Final = "%/:=&?~#+!$,;'@()*[]|^`{}<>\""  # what a URL keeps as it is written
# Said by the broker itself, or about a connection the script does not have.
_OURS: Final = frozenset(
    (
        *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("content-length", "expect", "http2-settings", "picloud-hops"),
    )
)
_CREDENTIALS: Final = frozenset(("authorization", "cookie"))
_OF_THE_BODY: Final = "content-"

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `path` is percent-encoded and has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Target:
        """Check a URL. Raises CallFailed."""
        url = url.strip()
        if len(url) > MAX_URL or _BAD_URL.search(url):
            raise _invalid_url("it is too long or holds spaces, backslashes or control characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _invalid_url("its host or port is malformed") from None
        if parts.scheme not in _PORTS:
            raise _invalid_url("only http and https are served")
        if "@" in parts.netloc:
            raise _invalid_url("it holds a user name; send an Authorization header instead")
        try:
            host = normal_host(parts.hostname or "")
        except ValueError as fault:
            raise _invalid_url(f"its host {fault}") from None
        if port == 0:
            raise _invalid_url("its port is 0")
        path = quote(parts.path or "/", safe=_SAFE)
        query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], path + query)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that may be sent, if its target may be connected to."""

    method: str
    target: Target
    headers: tuple[Header, ...]
    body: bytes
    redirects: int  # to follow at most; 0: a redirect is an answer like any other
    timeout_ms: int | None  # what the script allows it to take

    @classmethod
    def parse(cls, head: dict[str, Any], body: bytes) -> Outgoing:
        """Check what a script sent: its head of CALL is hostile. Raises CallFailed."""
        method, url = head.get("method"), head.get("url")
        redirects, timeout_ms = head.get("redirects", 0), head.get("timeout_ms")
        if not isinstance(method, str) or not _TOKEN.fullmatch(method) or method == "CONNECT":
            raise CallFailed("invalid_request", "this method can't be sent")
        if not isinstance(url, str):
            raise _invalid_url("it is no text")
        if type(redirects) is not int or not 0 <= redirects <= MAX_REDIRECTS:
            raise CallFailed("invalid_request", f"at most {MAX_REDIRECTS} redirects are followed")
        if timeout_ms is not None and (type(timeout_ms) is not int or timeout_ms <= 0):
            raise CallFailed("invalid_request", "the timeout is not a positive number")
        return cls(
            method.upper(),
            Target.parse(url),
            _headers(head.get("headers", [])),
            body,
            redirects,
            timeout_ms,
        )

    def redirected(self, status: int, location: str) -> Outgoing:
        """The next request, as browsers and `requests` make it. Raises CallFailed."""
        target = Target.parse(urljoin(str(self.target), location.strip()))
        headers = self.headers
        if target.origin != self.target.origin:
            headers = tuple(h for h in headers if h[0].lower() not in _CREDENTIALS)
        method, body = self.method, self.body
        becomes_get = status == 303 and method != "HEAD"
        if becomes_get or (status in (301, 302) and method == "POST"):
            method, body = "GET", b""
            headers = tuple(h for h in headers if not h[0].lower().startswith(_OF_THE_BODY))
        return replace(
            self,
            method=method,
            target=target,
            headers=headers,
            body=body,
            redirects=self.redirects - 1,
        )

    def wire_headers(self, hops: int) -> list[tuple[bytes, bytes]]:
        """All headers as they are sent."""
        given = {name.lower() for name, _ in self.headers}
        headers = [("Host", self.target.authority), *self.headers]
        if "user-agent" not in given:
            headers.append(("User-Agent", "picloud"))
        if "accept" not in given:
            headers.append(("Accept", "*/*"))
        if "accept-encoding" not in given:
            headers.append(("Accept-Encoding", "identity"))
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            headers.append(("Content-Length", str(len(self.body))))
        headers.append(("Picloud-Hops", str(hops)))
        return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


def _headers(given: object) -> tuple[Header, ...]:
    """The script's own headers, without those the broker sets itself."""
    if not isinstance(given, list):
        raise CallFailed("invalid_request", "the headers are no list")
    headers = []
    for pair in given:
        if not isinstance(pair, list) or len(pair) != 2:
            raise CallFailed("invalid_request", "a header is no pair")
        name, value = pair
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise CallFailed("invalid_request", f"{str(name)[:60]!r} is not the name of a header")
        if not isinstance(value, str) or _BAD_VALUE.search(value):
            raise CallFailed("invalid_request", f"the value of header {name!r} can't be sent")
        if name.lower() not in _OURS and not name.lower().startswith("proxy-"):
            headers.append((name, value.strip()))
    return tuple(headers)


def _invalid_url(why: str) -> CallFailed:
    return CallFailed("invalid_url", f"this URL can't be fetched: {why}")
