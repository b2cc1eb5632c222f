"""Starts the parts in order, keeps them alive, and stops them in order."""

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
        self._children: list[tuple[Child, asyncio.Task[None]]] = []
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
            children = [
                Child(spec, Output(spec.name, self._logs, verbose=self._verbose))
                for spec in stage()
            ]
            for child in children:
                task = tasks.create_task(self._guard(child.run()), name=child.spec.name)
                self._children.append((child, task))
            for child in children:
                await _until_ready(child)
        await when_ready()

    async def _stop_all(self) -> None:
        for turn in sorted({child.spec.stop_turn for child, _ in self._children}):
            group = [(c, task) for c, task in self._children if c.spec.stop_turn == turn]
            for child, _ in group:
                child.stop()
            await asyncio.wait({task for _, task in group})

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
            for child, _ in self._children:
                child.hurry()


async def _until_ready(child: Child) -> None:
    try:
        await asyncio.wait_for(child.wait_ready(), _READY_SECONDS)
    except TimeoutError:
        name = child.spec.name
        raise ChildFailedError(f"{name} was not ready after {_READY_SECONDS:g} s") from None
