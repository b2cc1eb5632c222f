"""Where a request for a name an app had is sent on to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picloud.orchestrator import answers

if TYPE_CHECKING:
    from picloud.orchestrator.answers import Headers
    from picloud.orchestrator.heads import RequestHead
    from picloud.orchestrator.ingress import Scope


def moved_answer(
    scope: Scope, request: RequestHead, *, former: str, name: str, mount: str
) -> tuple[Headers, bytes]:
    """Headers and body of a 308 to the same address under the app's present name.

    `mount` is the prefix of the path form, empty for the host form. Nobody may keep the answer: an
    app may take its former name back.
    """
    raw_path = scope["raw_path"].decode("latin-1")
    if mount:
        location = mount.removesuffix(former) + name + raw_path[len(mount) :]
    else:
        host = request.host.decode("latin-1")
        location = f"{request.proto}://{name}{host[len(former) :]}{raw_path}"
    if scope["query_string"]:
        location += "?" + scope["query_string"].decode("latin-1")
    headers, body = answers.error_answer(
        308, "app_renamed", f"The app {former!r} is called {name!r} now."
    )
    headers.append((b"location", location.encode("latin-1")))
    return headers, body
