"""A WSGI application without a framework: tells the size and the digest of what is uploaded.

    curl --data-binary @photo.jpg http://localhost:8080/x/demo/upload-wsgi

Frameworks such as Flask and Bottle make such an `app`. Requests run one at a time in a sandbox.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any

StartResponse = Callable[[str, list[tuple[str, str]]], object]
PIECE = 64 * 1024


def digest(body: Any) -> dict[str, Any]:
    sha256, size = hashlib.sha256(), 0
    while piece := body.read(PIECE):
        sha256.update(piece)
        size += len(piece)
    return {"bytes": size, "sha256": sha256.hexdigest()}


def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] not in ("POST", "PUT"):
        start_response("405 Method Not Allowed", [("Allow", "POST, PUT")])
        return [b"send a file as the body\n"]
    found = digest(environ["wsgi.input"])
    print(f"{found['bytes']} bytes of {environ['CONTENT_TYPE'] or 'no type'}", flush=True)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]
