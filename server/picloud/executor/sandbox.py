"""One sandbox: a jailed process that becomes one version's for life."""

from __future__ import annotations

import asyncio
import enum
import socket
import uuid
from collections.abc import Callable
from typing import Final

from picloud.errors import PlatformError
from picloud.executor.link import Link
from picloud.executor.sandbox_process import ExitStatus, SandboxProcess

_BURNING_NICE: Final = 10  # a tenth of the weight of one with the usual priority


class SandboxMisuseError(PlatformError):
    """A sandbox was asked for what its state does not allow."""

    code = "sandbox_misused"


class SandboxState(enum.Enum):
    """booting → blank → bound → retired; every state may go straight to retired."""

    BOOTING = "booting"
    BLANK = "blank"
    BOUND = "bound"
    RETIRED = "retired"


class Sandbox:
    """A process and its link. Busy and idle are the dispatcher's business.

    `on_death` is called once, when the sandbox ends without having been retired.
    """

    def __init__(self, number: int, process: SandboxProcess) -> None:
        self.number = number
        self.state = SandboxState.BOOTING
        self.version: uuid.UUID | None = None
        self.memory = 0  # bytes that are its own, when last measured
        self.on_death: Callable[[Sandbox], None] | None = None
        self._process = process
        self._link: Link | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self.number} pid={self.pid} {self.state.value}>"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def link(self) -> Link:
        """The link, once booted."""
        if self._link is None:
            raise SandboxMisuseError(f"sandbox {self.number} has no link: it is {self.state.value}")
        return self._link

    def take_calls(self) -> socket.socket:
        """Our end of the call socket, once."""
        return self._process.take_calls()

    @property
    def exited(self) -> asyncio.Future[ExitStatus]:
        """Resolves when the process is gone, and says how."""
        return self._process.exited

    @property
    def diagnostics(self) -> str:
        """What the process wrote to stdout and stderr, which a healthy one never does."""
        return self._process.diagnostics.text()

    def booted(self, link: Link) -> None:
        """booting → blank."""
        self._leave(SandboxState.BOOTING, SandboxState.BLANK)
        self._link = link

    def bind(self, version: uuid.UUID) -> None:
        """blank → bound: it belongs to this version until it ends."""
        self._leave(SandboxState.BLANK, SandboxState.BOUND)
        self.version = version

    def retire(self) -> bool:
        """Any state → retired. False if it was that already."""
        if self.state is SandboxState.RETIRED:
            return False
        self.state = SandboxState.RETIRED
        return True

    def kill(self) -> None:
        """End the process and the link now."""
        self._process.kill()
        if self._link is not None:
            self._link.close()

    def set_nice(self, nice: int) -> None:
        """Give the process another priority."""
        self._process.set_nice(nice)

    def limit_memory(self, memory_mb: int) -> None:
        """Its script may use this much memory, in MB."""
        self._process.limit_memory(memory_mb)

    def step_back(self) -> None:
        """Compute only while nobody else wants to, or nearly so."""
        self.set_nice(_BURNING_NICE)

    def step_forward(self) -> None:
        """Compute like everybody else again. Only root may give that back; else it stays behind."""
        self.set_nice(0)

    def _leave(self, old: SandboxState, new: SandboxState) -> None:
        if self.state is not old:
            raise SandboxMisuseError(
                f"sandbox {self.number} cannot become {new.value}: it is {self.state.value}"
            )
        self.state = new
