"""The start and the end of an ASGI application's life, told by the lifespan protocol."""

from __future__ import annotations

import asyncio

from _picloud import failures, logs
from _picloud.asgi import VERSIONS, Application, Message
from _picloud.failures import ScriptError
from _picloud.invocation import owner


class Lifespan:
    """One task in which the application stays from before its first request to its end."""

    def __init__(self, app: Application, state: Message) -> None:
        self._app = app
        self._state = state
        self._told = asyncio.Event()  # one message of the application's has come
        self._ending = asyncio.Event()
        self._started_given = False
        self._failure: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the application is ready, or does not care. Raises ScriptError."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.Task(self._run(), loop=loop, eager_start=True)
        if not self._task.done():
            told = asyncio.ensure_future(self._told.wait())
            await asyncio.wait({self._task, told}, return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
        if self._failure is not None:
            message = f"the app's lifespan startup failed: {self._failure}".rstrip(": \n")
            raise ScriptError("import_failed", message)

    async def end(self) -> None:
        """Returns when the application has cleaned up."""
        if self._task is not None and not self._task.done():
            self._ending.set()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self._state}
        try:
            await self._app(scope, self._receive, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # Raised at its beginning, it only says that the app knows nothing of lifespan.
            if self._started_given and self._failure is None:
                logs.note(owner(), "the app raised in its lifespan and is served without one")
                failures.report(owner(), error)

    async def _receive(self) -> Message:
        if not self._started_given:
            self._started_given = True
            return {"type": "lifespan.startup"}
        await self._ending.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.failed":
            self._failure = str(message.get("message", ""))
        elif kind == "lifespan.shutdown.failed":
            logs.note(owner(), f"the app's lifespan shutdown failed: {message.get('message', '')}")
        elif kind not in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            raise RuntimeError(f"a message of type {kind!r} can't be sent now")
        self._told.set()
