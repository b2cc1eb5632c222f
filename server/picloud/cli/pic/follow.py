"""A live tail that outlives its connection: it goes on after the last cursor it has seen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from picloud.cli.pic.credentials import Target
from picloud.cli.pic.subscription import ConnectionLostError, subscribe

_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 10.0


class Backoff:
    """Waiting times that double up to a limit, with jitter so that clients do not come in step."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._tries = 0

    def next_delay(self) -> float:
        """Seconds to wait before the next try."""
        longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0**self._tries)
        self._tries += 1
        return longest * (0.5 + self._jitter() / 2)

    def reset(self) -> None:
        """The connection works: start small again."""
        self._tries = 0


async def follow(
    target: Target,
    document: str,
    variables: Mapping[str, object],
    *,
    cursor: str,
    emit: Callable[[Any], None],
    notice: Callable[[str], None],
    backoff: Backoff | None = None,
) -> None:
    """Emit every event after `cursor`, once each, for ever.

    An event is `{field: {"cursor": …, …}}`; its cursor moves on only after `emit` returned.
    """
    waits = backoff or Backoff()
    lost = False
    while True:
        try:
            arguments = {**variables, "after": cursor}
            async with aclosing(subscribe(target, document, arguments)) as events:
                async for data in events:
                    (event,) = data.values()
                    emit(event)
                    cursor = event["cursor"]
                    waits.reset()
                    lost = False
            reason = "the platform ended it"
        except ConnectionLostError as exc:
            reason = str(exc)
        if not lost:
            notice(f"Live tail interrupted ({reason}); it goes on when the platform is back.")
            lost = True
        await asyncio.sleep(waits.next_delay())
