"""How `pic.fetch` works under plain Python, as in a test of a script: by urllib."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from pic.fetch import FetchError, FetchRequest, FetchResponse
from pic.multi import Headers


def send(request: FetchRequest) -> FetchResponse:
    """Blocks. Raises FetchError."""
    if urlsplit(request.url).scheme not in ("http", "https"):
        raise FetchError("invalid_url", "this URL can't be fetched: only http and https are served")
    try:
        made = urllib.request.Request(  # noqa: S310  # its scheme has been looked at
            request.url, request.body or None, dict(request.headers), method=request.method
        )
        with urllib.request.urlopen(made, timeout=request.timeout) as answer:  # noqa: S310
            return _response(answer)
    except urllib.error.HTTPError as error:
        with error:
            return _response(error)
    except TimeoutError:
        raise FetchError("timeout", f"the request took longer than {request.timeout} s") from None
    except urllib.error.URLError as error:
        raise FetchError("connect_failed", str(error.reason)) from None
    except (http.client.InvalidURL, ValueError) as error:
        raise FetchError("invalid_url", f"this URL can't be fetched: {error}") from None
    except (http.client.HTTPException, OSError) as error:
        raise FetchError("connection_lost", str(error)) from None


async def asend(request: FetchRequest) -> FetchResponse:
    """As `send`, in a thread."""
    return await asyncio.to_thread(send, request)


def _response(answer: Any) -> FetchResponse:
    return FetchResponse(answer.status, Headers(answer.headers.items()), answer.read(), answer.url)
