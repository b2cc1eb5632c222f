"""HTTP for `pic`: the standard library's client, because importing another one would cost more
than most commands take. Redirects are not followed, every status is an answer.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import click

from picloud.cli.pic.credentials import is_loopback
from picloud.cli.pic.errors import CliError


class _EveryStatus(urllib.request.HTTPErrorProcessor):
    def http_response(
        self, request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        return response

    https_response = http_response


class _Connection(http.client.HTTPConnection):
    def request(self, *arguments: Any, **more: Any) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            super().request(*arguments, **more)
        # A server that refuses a large body answers before it has read it all: go on and look.


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    pass


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())


def _opener(host: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_EveryStatus(), _Http(), _Https()]
    if is_loopback(host):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


class Answer:
    """One HTTP answer: its head is here, its body is read piece by piece."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers.items()
        self.invocation_id = response.headers.get("picloud-invocation-id")
        self._response = response

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. One that breaks off is an error, not an end."""
        received = 0
        try:
            while chunk := self._response.read1(65536):
                received += len(chunk)
                yield chunk
        except (OSError, http.client.HTTPException) as exc:
            raise CliError(
                "answer_broken_off", f"The answer broke off after {received} bytes."
            ) from exc

    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())


@contextmanager
def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    seconds: float,
) -> Iterator[Answer]:
    """Send one request; the answer's body is read inside the `with`."""
    parts = urlsplit(url)
    request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - http(s) only
    for name, value in {"User-Agent": "pic", **headers}.items():
        request.add_header(name, value)
    try:
        response = _opener(parts.hostname or "").open(request, timeout=seconds)
    except (OSError, http.client.HTTPException) as exc:
        raise unreachable(f"{parts.scheme}://{parts.netloc}", exc) from exc
    except ValueError as exc:  # a method or a header that HTTP can't carry
        raise click.UsageError(f"This can't be sent: {exc}.") from exc
    with response:
        yield Answer(response)


def unreachable(server: str, exc: BaseException) -> CliError:
    """The error for a server that did not answer, with the reason in words."""
    reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    if isinstance(reason, ssl.SSLCertVerificationError):
        words = f"its certificate is not trusted ({reason.verify_message})"
    elif isinstance(reason, TimeoutError):
        words = "it did not answer in time"
    elif isinstance(reason, ConnectionRefusedError):
        words = "the connection was refused"
    else:
        words = str(reason) or type(reason).__name__
    return CliError(
        "unreachable",
        f"The platform at {server} can't be reached: {words}.",
        hint=f"Is it running?  curl {server}/readyz   (start it with ./picloud up)",
    )
