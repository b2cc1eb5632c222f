"""The playground's page and its files: built ahead, local, under a strict policy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

# The editor sets styles on its elements and starts its workers itself; nothing comes from outside.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def page(directory: Path) -> Response:
    """The page itself."""
    index = directory / "index.html"
    if not index.is_file():
        return PlainTextResponse("The playground has not been built.\n", status_code=404)
    return FileResponse(index, media_type="text/html", headers=PAGE_HEADERS)


def wants_page(request: Request) -> bool:
    """Whether this is a person's browser and not a query."""
    return (
        request.method in ("GET", "HEAD")
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


class Assets(StaticFiles):
    """The files beside the page; their names carry a hash of their content."""

    async def check_config(self) -> None:
        """Nothing: a playground that was not built is a file that is not there."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, kept by browsers for good."""
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response
