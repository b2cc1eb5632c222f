"""Requests for unit tests of a script, under plain CPython."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from pic.auth import HEADER, Auth
from pic.request import Request


def request(
    method: str = "GET",
    path: str = "/",
    *,
    query: Mapping[str, str] | str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
    path_params: Mapping[str, str] | None = None,
    client_ip: str = "127.0.0.1",
    auth: Auth | None = None,
) -> Request:
    """A request as a handler would be given it: `handler(request("POST", "/add", body="1"))`."""
    lines = [
        uuid.uuid4().hex,
        "10000",
        method.upper(),
        quote(path, safe="/:@!$&'()*+,;=~-._"),
        query if isinstance(query, str) else urlencode(query),
        client_ip,
        urlencode(path_params or {}),
        "http",
        "",
    ]
    all_headers = {"host": "localhost", **(headers or {})}
    if auth is not None:
        all_headers[HEADER] = urlencode(auth._asdict())
    lines += [f"{name.lower()}:{value}" for name, value in all_headers.items()]
    return Request("\n".join(lines), body.encode() if isinstance(body, str) else body)
