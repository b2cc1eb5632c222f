"""The pool of blank sandboxes: booted ahead, handed out once, replaced in the background.

A sandbox holds one of `max_sandboxes` slots from the start of its process to the end of it,
whoever has it. Nothing here polls: boots follow from hand-outs, deaths and a timer after failures.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from picloud.errors import PlatformError
from picloud.executor.link import connect
from picloud.executor.messages import LinkError
from picloud.executor.runtime import Runtime
from picloud.executor.sandbox import Sandbox, SandboxState
from picloud.executor.sandbox_process import ExitStatus, SandboxProcess, Spawner
from picloud.executor.usage import memory_bytes

logger = logging.getLogger(__name__)

OnDeath = Callable[[Sandbox], None]

# Only root may take it back once a sandbox has booted.
_BACKGROUND_NICE: Final = 10 if os.geteuid() == 0 else 0
_FIRST_PAUSE: Final = 0.1  # seconds after a failed boot; doubles up to the longest
_LONGEST_PAUSE: Final = 30.0
_PATIENCE: Final = 4  # failed boots in a row after which nobody is kept waiting
_NEW_BYTES: Final = 64 * 1024 * 1024  # what a sandbox will use, until it is measured
_LAST_WORDS: Final = 1.0  # seconds from the end of a process to the end of its link
_EXIT_GRACE: Final = 2.0  # seconds from SIGKILL or the end of a link to the exit status


class SandboxBootError(PlatformError):
    """Sandboxes do not start."""

    code = "sandbox_boot_failed"
    status = 503


class PoolClosedError(PlatformError):
    """The node is shutting down."""

    code = "pool_closed"
    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How many sandboxes, and how they are booted."""

    blank_target: int = 2
    max_sandboxes: int = 64
    boots_at_once: int = 1  # ahead of need; when somebody waits, one a core
    boot_timeout: float = 15.0
    memory_bytes: int = 0  # all sandboxes together; 0: not bounded


class SandboxPool:
    """Keeps `blank_target` sandboxes ready while `run` runs."""

    def __init__(self, runtime: Runtime, limits: PoolLimits, spawner: Spawner) -> None:
        self._runtime = runtime
        self._limits = limits
        self._spawner = spawner
        self._slots: set[Sandbox] = set()
        self._blank: deque[Sandbox] = deque()
        self._waiters: deque[asyncio.Future[Sandbox]] = deque()
        self._booting = 0
        self._booted = 0
        self._failures = 0
        self._fault = ""
        self._pausing = False
        self._closed = False
        self._wake = asyncio.Event()
        self._wake.set()

    @property
    def blank(self) -> int:
        """Sandboxes ready to be handed out."""
        return len(self._blank)

    @property
    def size(self) -> int:
        """Slots in use: processes that live, and boots under way."""
        return len(self._slots) + self._booting

    @property
    def full(self) -> bool:
        """Nothing can be booted until something is retired."""
        return self.size >= self._limits.max_sandboxes or self._fills_memory(1)

    @property
    def starved(self) -> bool:
        """Somebody waits for a sandbox, and none can be booted."""
        return bool(self._waiters) and self.full

    @property
    def over_memory(self) -> bool:
        """The sandboxes use more than their budget."""
        return self._fills_memory(0)

    def _fills_memory(self, more: int) -> bool:
        """Whether so many more sandboxes than there are would not fit the budget."""
        budget = self._limits.memory_bytes
        if not budget or not self._slots:
            return False
        used = sum(sandbox.memory for sandbox in self._slots)
        return used + (self._booting + more) * _NEW_BYTES > budget

    async def run(self) -> None:
        """Keep the pool filled until `close`."""
        try:
            async with asyncio.TaskGroup() as boots:
                while not self._closed:
                    await self._wake.wait()
                    self._wake.clear()
                    while self._wants_boot():
                        self._booting += 1
                        boots.create_task(self._boot(urgent=self._is_urgent()))
        finally:
            await self._end()

    async def acquire_blank(self, on_death: OnDeath) -> Sandbox:
        """A blank sandbox, at once or after a boot; it is the caller's until retired.

        `on_death` is told if it ends by itself. Raises SandboxBootError, PoolClosedError.
        """
        while True:
            sandbox = await self._next_blank()
            if sandbox.state is SandboxState.BLANK:  # else it died on its way to us
                sandbox.on_death = on_death
                return sandbox

    def retire(self, sandbox: Sandbox, *, grace: float = 0.0) -> None:
        """Take it out of service: killed now, or asked to end and killed after the grace."""
        if not sandbox.retire():
            return
        if sandbox in self._blank:
            self._blank.remove(sandbox)
        if grace > 0:
            sandbox.link.retire()
            timer = asyncio.get_running_loop().call_later(grace, sandbox.kill)
            sandbox.exited.add_done_callback(lambda _: timer.cancel())
        else:
            sandbox.kill()

    async def close(self) -> None:
        """End every sandbox; those who wait get PoolClosedError."""
        self._closed = True
        self._wake.set()
        self._fail_waiters(PoolClosedError)
        for sandbox in list(self._slots):
            self.retire(sandbox)
        await self._spawner.close()

    # -- handing out -------------------------------------------------------------------------

    async def _next_blank(self) -> Sandbox:
        if self._closed:
            raise PoolClosedError
        self._wake.set()
        if self._blank:
            return self._blank.popleft()
        if self._failures >= _PATIENCE:
            raise SandboxBootError(self._fault)
        waiter: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._offer(waiter.result())  # it came too late for this one
            raise

    def _offer(self, sandbox: Sandbox) -> None:
        if sandbox.state is not SandboxState.BLANK:
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(sandbox)
                return
        self._blank.append(sandbox)

    def _fail_waiters(self, error: type[PlatformError], message: str | None = None) -> None:
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error(message))

    # -- booting -----------------------------------------------------------------------------

    def _wants_boot(self) -> bool:
        if self._closed or self._pausing or self.full:
            return False
        missing = self._limits.blank_target + len(self._waiters) - len(self._blank)
        waiting = min(len(self._waiters), os.cpu_count() or 1)
        return self._booting < min(missing, max(self._limits.boots_at_once, waiting))

    def _is_urgent(self) -> bool:
        """Somebody waits, or the node is starting and is not ready before its first sandbox."""
        return bool(self._waiters) or self._booted == 0

    async def _boot(self, *, urgent: bool) -> None:
        try:
            sandbox = await self._start(0 if urgent else _BACKGROUND_NICE)
        except (PlatformError, OSError) as error:
            self._boot_failed(error)
        else:
            if self._failures:
                logger.info("sandbox_boot_recovered", extra={"failures": self._failures})
            self._failures = 0
            self._offer(sandbox)
        finally:
            self._booting -= 1
            self._wake.set()

    async def _start(self, nice: int) -> Sandbox:
        process = await self._spawner.spawn(self._runtime.jail(nice=nice))
        self._booted += 1
        sandbox = Sandbox(self._booted, process)
        try:
            link = await connect(
                process.link,
                on_lost=lambda error: self._lost(sandbox, error),
                timeout=self._limits.boot_timeout,
            )
        except (LinkError, TimeoutError, OSError) as error:
            raise await self._explain(process, error) from error
        except BaseException:
            process.kill()
            raise
        sandbox.booted(link)
        sandbox.memory = memory_bytes(process.pid)
        self._slots.add(sandbox)
        process.exited.add_done_callback(lambda _: self._exited(sandbox))
        if nice:
            sandbox.set_nice(0)
        return sandbox

    async def _explain(self, process: SandboxProcess, error: Exception) -> SandboxBootError:
        how = "it died"
        if isinstance(error, TimeoutError):
            how = f"it was not ready after {self._limits.boot_timeout:g} s"
            process.kill()
        exited = await _exit_within(process.exited, _EXIT_GRACE)
        if exited is None:
            process.kill()
        said = process.diagnostics.text()[-2000:]
        return SandboxBootError(
            f"a sandbox did not start: {how}: {exited or error}" + (f": {said}" if said else "")
        )

    def _boot_failed(self, error: Exception) -> None:
        if self._closed:
            return
        self._failures += 1
        self._fault = str(error)
        pause = min(_FIRST_PAUSE * 2 ** (self._failures - 1), _LONGEST_PAUSE)
        if self._failures == _PATIENCE:  # once, however long it lasts
            logger.error("sandbox_boot_failed", extra={"error": self._fault})
        if self._failures >= _PATIENCE:
            self._fail_waiters(SandboxBootError, self._fault)
        self._pausing = True
        asyncio.get_running_loop().call_later(pause, self._resume)

    def _resume(self) -> None:
        self._pausing = False
        self._wake.set()

    # -- endings -----------------------------------------------------------------------------

    def _lost(self, sandbox: Sandbox, error: BaseException | None) -> None:
        """The link has ended: of itself, or because the sandbox broke the protocol."""
        if isinstance(error, LinkError):
            logger.warning("link_broken", extra={"sandbox": sandbox.number, "error": str(error)})
        sandbox.kill()
        self._died(sandbox)

    def _exited(self, sandbox: Sandbox) -> None:
        """The process has ended; its slot is free. Its last words are still on the link."""
        self._slots.discard(sandbox)
        self._wake.set()
        if sandbox.link.lost:
            self._died(sandbox)
        else:
            asyncio.get_running_loop().call_later(_LAST_WORDS, self._died, sandbox)

    def _died(self, sandbox: Sandbox) -> None:
        """Link and process end in either order; the first one counts."""
        if sandbox.state is SandboxState.BOOTING or not sandbox.retire():
            return
        logger.warning("sandbox_died", extra={"sandbox": sandbox.number, "pid": sandbox.pid})
        if sandbox in self._blank:
            self._blank.remove(sandbox)
        self._wake.set()
        if sandbox.on_death is not None:
            sandbox.on_death(sandbox)

    async def _end(self) -> None:
        if not self._closed:
            await self.close()


async def _exit_within(exited: asyncio.Future[ExitStatus], seconds: float) -> ExitStatus | None:
    done, _ = await asyncio.wait([exited], timeout=seconds)
    return exited.result() if done else None
