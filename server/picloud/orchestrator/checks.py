"""Source checks: a manager asks whether a source can be deployed, a sandbox here answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from picloud.errors import PlatformError
from picloud.executor.messages import Checked, LinkError
from picloud.store import checks as store
from picloud.store.database import DATABASE_LOST

if TYPE_CHECKING:
    from picloud.executor.pool import SandboxPool
    from picloud.executor.sandbox import Sandbox
    from picloud.store.database import Pool

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 10.0
_TOO_HARD: Final[dict[str, Any]] = {
    "ok": False,
    "error": {
        "code": "source_invalid",
        "message": f"the source could not be compiled within {CHECK_SECONDS:.0f} seconds "
        "or broke the compiler",
        "line": None,
        "column": None,
        "text": None,
    },
}


class SourceChecker:
    """Takes waiting checks one by one.

    A sandbox that read a source is not used for another: it is kept for this one or retired.
    """

    def __init__(
        self, *, pool: SandboxPool, database: Pool, keep: Callable[[bytes, Sandbox], None]
    ) -> None:
        self._pool = pool
        self._keep = keep
        self._database = database
        self._one_at_a_time = asyncio.Lock()

    async def run(self, check_id: UUID) -> None:
        """Claim and answer one check, unless another node has it."""
        async with self._one_at_a_time:
            try:
                await self._run(check_id)
            except (PlatformError, *DATABASE_LOST) as error:
                # The manager that waits will say that no node answered.
                logger.warning("a source check was given up: %s", error)

    async def _run(self, check_id: UUID) -> None:
        claimed = await store.claim_check(self._database, check_id)
        if claimed is not None:
            result = await self._check(claimed)
            await store.finish_check(self._database, check_id, result)

    async def run_pending(self) -> None:
        """Answer what was asked while nobody here listened."""
        try:
            pending = await store.list_pending(self._database)
        except DATABASE_LOST as error:
            logger.warning("waiting source checks could not be listed: %s", error)
            return
        for check_id in pending:
            await self.run(check_id)

    async def _check(self, claimed: store.ClaimedCheck) -> dict[str, Any]:
        sandbox = await self._pool.acquire_blank(lambda _: None)
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                filename, checked = await self._look(sandbox, claimed)
            runtime = sandbox.link.hello.runtime if sandbox.link.hello else ""
        except (LinkError, TimeoutError):
            logger.info("a source check broke its sandbox")
            self._pool.retire(sandbox)
            return _TOO_HARD
        if checked.ok:
            self._keep(claimed.digest, sandbox)
        else:
            self._pool.retire(sandbox)
        return _as_json(checked, filename, runtime)

    async def _look(self, sandbox: Sandbox, claimed: store.ClaimedCheck) -> tuple[str, Checked]:
        """What is found in the first file with a fault, else in the entry."""
        link = sandbox.link
        for path, text in claimed.modules.items():
            checked = await link.check(text.encode(), CHECK_SECONDS, filename=path, module=True)
            if not checked.ok:
                return path, checked
        filename = claimed.filename
        return filename, await link.check(claimed.source.encode(), CHECK_SECONDS, filename=filename)


def _as_json(checked: Checked, filename: str, runtime: str) -> dict[str, Any]:
    result: dict[str, Any] = msgspec.to_builtins(checked)
    if not checked.ok:
        result["error"]["filename"] = filename
    return {**result, "runtime": runtime}
