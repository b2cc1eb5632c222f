"""One supervised child: started, watched until it is ready, started again when it dies.

`stopped → starting → ready → (waiting → starting …) → stopping → stopped`. The kernel ends every
child when the supervisor ends, so nothing is left behind by a `kill -9`.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import functools
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from picloud.errors import Expected, PiCloudError, PlatformError
from picloud.postgres import RunAs
from picloud.process import die_with_parent
from picloud.up.output import Output, say

FIRST_DELAY: Final = 0.1
LAST_DELAY: Final = 10.0
STABLE_SECONDS: Final = 60.0
_TRIES_BEFORE_READY: Final = 3
_USAGE_EXIT: Final = 2  # a child that finds its settings wrong will not find them right next time
_LINE_BYTES: Final = 256 * 1024
_LAST_WORDS_SECONDS: Final = 0.5


class ChildFailedError(PlatformError):
    """A part of the platform does not start."""

    code = "child_failed"


class ChildRefusedError(Expected):
    """A part of the platform refuses its settings."""

    code = "child_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What to run and how to tell that it is ready."""

    name: str
    command: Callable[[], list[str]]
    environ: Callable[[], Mapping[str, str]]
    cwd: Path
    ready: Callable[[int], Awaitable[bool]]
    prepare: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals = signal.SIGKILL
    death_signal: signal.Signals = signal.SIGKILL
    stop_seconds: float = 10
    stop_turn: int = 0  # lower ones have ended before higher ones are asked to
    run_as: RunAs = field(default_factory=RunAs)


class State(enum.Enum):
    """Where a child is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    STOPPING = "stopping"


class Child:
    """Runs one `ChildSpec` until `stop`."""

    def __init__(self, spec: ChildSpec, output: Output) -> None:
        self.spec = spec
        self.state = State.STOPPED
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._was_ready = False

    async def run(self) -> None:
        """Keep it alive; returns after `stop`, raises when it never got ready."""
        try:
            await self._keep_alive()
        finally:
            self.state = State.STOPPED
            self._output.close()

    async def _keep_alive(self) -> None:
        delay, tries = FIRST_DELAY, 0
        while not self._stop.is_set():
            began = time.monotonic()
            why = await self._once()
            if self._stop.is_set():
                return
            tries += 1
            self._give_up_early(why, tries)
            if time.monotonic() - began >= STABLE_SECONDS:
                delay = FIRST_DELAY
            say(f"{self.spec.name} {why}; it starts again in {delay:g} s")
            self.state = State.WAITING
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)
            delay = min(delay * 2, LAST_DELAY)

    async def wait_ready(self) -> None:
        """Until it is ready for the first time."""
        await self._ready.wait()

    def stop(self) -> None:
        """Ask it to end; it is killed when it takes longer than `stop_seconds`."""
        self._stop.set()

    def hurry(self) -> None:
        """End it now."""
        self._stop.set()
        self._signal(self.spec.hurry_signal)

    def _give_up_early(self, why: str, tries: int) -> None:
        if self._was_ready:
            return
        message = f"{self.spec.name} {why}:\n{self._output.tail()}"
        if why == f"ended with {_USAGE_EXIT}":
            raise ChildRefusedError(message)
        if tries >= _TRIES_BEFORE_READY:
            raise ChildFailedError(message)

    async def _once(self) -> str:
        """One life; says how it ended."""
        self.state = State.STARTING
        try:
            await asyncio.to_thread(self.spec.prepare)
            process = self._spawn()
        except (PiCloudError, OSError) as fault:
            if not self._was_ready:
                raise
            return f"cannot start: {fault}"
        self._process = process
        try:
            async with asyncio.TaskGroup() as tasks:
                readiness = tasks.create_task(self._watch_readiness(process.pid))
                reading = tasks.create_task(self._read(process))
                await self._wait(process)
                readiness.cancel()
                # A grandchild may hold the pipe open for longer than we care.
                await asyncio.wait({reading}, timeout=_LAST_WORDS_SECONDS)
                reading.cancel()
        finally:
            self._process = None
            if process.poll() is None:  # we were cancelled
                process.kill()
                process.wait()
        return _how_it_ended(process.returncode)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.spec.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.spec.cwd,
            env=dict(self.spec.environ()),
            start_new_session=True,
            preexec_fn=functools.partial(  # noqa: PLW1509  # one prctl call
                die_with_parent, self.spec.death_signal, parent=os.getpid()
            ),
            **self.spec.run_as,
        )

    async def _watch_readiness(self, pid: int) -> None:
        pause = 0.01
        while not await self.spec.ready(pid):
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, 0.1)
        if not self._stop.is_set():
            self.state = State.READY
        if self._was_ready:
            say(f"{self.spec.name} is ready again")
        self._was_ready = True
        self._ready.set()

    async def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        reader = asyncio.StreamReader(limit=_LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        try:
            while line := await _next_line(reader):
                self._output.line(line, quiet=self._stop.is_set())
        finally:
            transport.close()

    async def _wait(self, process: subprocess.Popen[bytes]) -> None:
        exited = asyncio.ensure_future(_pid_event(process.pid))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({exited, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                self.state = State.STOPPING
                self._signal(self.spec.stop_signal)
                await asyncio.wait({exited}, timeout=self.spec.stop_seconds)
            if not exited.done():
                say(f"{self.spec.name} did not end in {self.spec.stop_seconds:g} s: killed")
                process.kill()
            await exited
        finally:
            exited.cancel()
            stopping.cancel()
        process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


async def _next_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as rest:
        return rest.partial
    except asyncio.LimitOverrunError as overrun:
        return await reader.read(max(overrun.consumed, 1))


async def _pid_event(pid: int) -> None:
    """Until the process has ended."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _resolve, ended)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with {code}"
    return f"was killed by {signal.Signals(-code).name}"
