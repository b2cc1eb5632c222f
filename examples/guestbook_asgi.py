"""An ASGI application without a framework: a guest book that lives as long as its sandbox.

    curl -d 'hello from me' http://localhost:8080/x/demo/guestbook-asgi
    curl http://localhost:8080/x/demo/guestbook-asgi

Frameworks such as Starlette and FastAPI make such an `app`. Requests interleave; what several
sandboxes should share does not belong into memory.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LONGEST = 280


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["method"] == "POST":
        await sign(scope["state"]["entries"], receive, send)
    else:
        await answer(send, 200, {"entries": scope["state"]["entries"][-20:]})


async def lifespan(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"]["entries"] = []
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print(f"closing with {len(scope['state']['entries'])} entries")
    await send({"type": "lifespan.shutdown.complete"})


async def sign(entries: list[str], receive: Receive, send: Send) -> None:
    text, more = b"", True
    while more:
        message = await receive()
        text += message.get("body", b"")
        more = message.get("more_body", False)
    entry = text.decode("utf-8", "replace").strip()
    if not 0 < len(entry) <= LONGEST:
        await answer(send, 400, {"error": f"send 1 to {LONGEST} characters"})
        return
    entries.append(entry)
    await answer(send, 201, {"entry": entry, "number": len(entries)})


async def answer(send: Send, status: int, value: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})
