"""What a handler has started and left behind: it belongs to nobody, so it ends."""

from __future__ import annotations

import asyncio
from contextvars import Context

from _picloud import logs
from _picloud.invocation import Invocation

CLEAN_UP = 1.0  # seconds that cancelled tasks have to end


def reap(inv: Invocation) -> None:
    """Cancel the tasks of an invocation that ends; a moment later nothing of it runs any more."""
    if inv.reaped:
        return
    inv.reaped = True
    left = [task for task in inv.started or () if not task.done()]
    if not left:
        inv.over = True
        return
    tasks = "1 task was" if len(left) == 1 else f"{len(left)} tasks were"
    logs.note(inv, f"{tasks} still running at the end of the invocation: cancelled")
    for task in left:
        task.cancel()
    loop = asyncio.get_running_loop()
    loop.call_later(CLEAN_UP, setattr, inv, "over", True, context=Context())
