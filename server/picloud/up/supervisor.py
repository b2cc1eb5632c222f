"""Starts the parts in order, keeps them alive, and stops them in the opposite order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from picloud.errors import PiCloudError
from picloud.up.child import Child, ChildFailedError, ChildSpec
from picloud.up.output import Output, say

_READY_SECONDS = 60.0

Stage = Callable[[], Sequence[ChildSpec]]


class Supervisor:
    """Runs stages of children: a stage starts when the one before it is ready."""

    def __init__(self, logs: Path, *, verbose: bool) -> None:
        self._logs = logs
        self._verbose = verbose
        self._stages: list[list[tuple[Child, asyncio.Task[None]]]] = []
        self._stop = asyncio.Event()
        self._signals = 0

    async def run(self, stages: Sequence[Stage], when_ready: Callable[[], Awaitable[None]]) -> None:
        """Until a signal asks to stop; raises when a part does not start."""
        self._listen_for_signals()
        try:
            async with asyncio.TaskGroup() as tasks:
                stopping = tasks.create_task(self._stop.wait())
                starting = tasks.create_task(self._start(stages, when_ready, tasks))
                await stopping
                starting.cancel()
                await self._stop_all()
        except BaseExceptionGroup as group:
            raise _first_of(group) from None

    async def _start(
        self,
        stages: Sequence[Stage],
        when_ready: Callable[[], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        for stage in stages:
            started = []
            for spec in stage():
                child = Child(spec, Output(spec.name, self._logs, verbose=self._verbose))
                started.append((child, tasks.create_task(child.run(), name=spec.name)))
            self._stages.append(started)
            for child, _ in started:
                await _until_ready(child)
        await when_ready()

    async def _stop_all(self) -> None:
        for stage in reversed(self._stages):
            for child, _ in stage:
                child.stop()
            running = {task for _, task in stage}
            if running:
                await asyncio.wait(running)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        self._signals += 1
        if self._signals == 1:
            say("stopping … (once more to stop at once)")
            self._stop.set()
        else:
            say("stopping at once")
            for stage in self._stages:
                for child, _ in stage:
                    child.hurry()


async def _until_ready(child: Child) -> None:
    try:
        await asyncio.wait_for(child.wait_ready(), _READY_SECONDS)
    except TimeoutError:
        name = child.spec.name
        raise ChildFailedError(f"{name} was not ready after {_READY_SECONDS:g} s") from None


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Our own error when there is one: the rest followed from it."""
    flat: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            flat.append(error)
    return next((error for error in flat if isinstance(error, PiCloudError)), flat[0])
