"""Starts the parts in order, keeps them alive, and stops them in the opposite order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
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
        self._failure: PiCloudError | OSError | None = None
        self._signals = 0

    async def run(self, stages: Sequence[Stage], when_ready: Callable[[], Awaitable[None]]) -> None:
        """Until a signal asks to stop, or a part does not start: that is raised after the stop."""
        self._listen_for_signals()
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(self._guard(self._start(stages, when_ready, tasks)))
            await self._stop.wait()
            starting.cancel()
            await self._stop_all()
        if self._failure is not None:
            raise self._failure

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        """The first failure stops everything, in order."""
        try:
            await work
        except (PiCloudError, OSError) as failure:
            self._failure = self._failure or failure
            self._stop.set()

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
                task = tasks.create_task(self._guard(child.run()), name=spec.name)
                started.append((child, task))
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
