"""The node's end of the spawner: start sandboxes' processes, end them, learn of their end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from picloud.errors import PlatformError
from picloud.executor.jail import spec
from picloud.executor.spawner import MAX_PACKET

_SERVER: Final = Path(__file__).parents[2]  # the directory that holds the package picloud
_DIAGNOSTICS: Final = 64 * 1024
_PATIENCE: Final = 5.0  # seconds everything gets to end at a stop


class SpawnError(PlatformError):
    """A sandbox's process could not be started."""

    code = "spawn_failed"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: with an exit code, or by a signal; and whether for want of memory."""

    code: int | None
    signal: int | None
    out_of_memory: bool = False

    @classmethod
    def of(cls, status: int, *, out_of_memory: bool = False) -> ExitStatus:
        """From what waitpid gives; only a signal ends a process that wants memory."""
        if os.WIFSIGNALED(status):
            return cls(None, os.WTERMSIG(status), out_of_memory)
        return cls(os.WEXITSTATUS(status), None)

    def __str__(self) -> str:
        if self.out_of_memory:
            return "out of memory"
        if self.signal is None:
            return f"exit code {self.code}"
        if self.signal not in set(signal.Signals):
            return f"signal {self.signal}"
        known = signal.Signals(self.signal)
        return f"{known.name}{_MEANINGS.get(known, '')}"


_MEANINGS: Final = {
    signal.SIGSYS: " (a system call the jail forbids)",
    signal.SIGABRT: " (aborted)",
    signal.SIGKILL: " (killed)",
}
# What Node.js and V8 say on their last breath.
_OUT_OF_MEMORY: Final = ("heap out of memory", "process out of memory", "allocation failed")


class Diagnostics:
    """The first 64 KiB a process wrote to stdout and stderr; then the pipe is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        self._size = 0
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def text(self) -> str:
        """What came so far."""
        if self._descriptor >= 0:
            self._read()
        text = b"".join(self._parts).decode(errors="replace").strip()
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)

    def close(self) -> None:
        """Read no more."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        try:
            part = os.read(self._descriptor, _DIAGNOSTICS)
        except BlockingIOError:
            return
        self._parts.append(part)
        self._size += len(part)
        if not part or self._size >= _DIAGNOSTICS:
            self.close()


class SandboxProcess:
    """A running sandbox: our ends of its link and its calls, what it says beside, and its end."""

    def __init__(self, pid: int, channels: Channels, owner: Spawner) -> None:
        self.pid = pid
        self.link = channels.link
        self._calls: socket.socket | None = channels.calls
        self.diagnostics = Diagnostics(channels.diagnostics)
        self.exited: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()
        self._owner = owner

    def kill(self) -> None:
        """End it now. Harmless when it has ended."""
        if not self.exited.done():
            self._owner.tell({"kill": self.pid})

    def set_nice(self, nice: int) -> None:
        """Give it another priority."""
        if not self.exited.done():
            self._owner.tell({"nice": self.pid, "to": nice})

    def take_calls(self) -> socket.socket:
        """Our end of the call socket, once; its taker closes it."""
        calls, self._calls = self._calls, None
        if calls is None:
            raise PlatformError("the call socket of a sandbox was taken twice")
        return calls

    def abandon(self) -> None:
        """End it when nobody has taken its link."""
        self.kill()
        self.link.close()
        self._close_calls()

    def limit_memory(self, memory_mb: int) -> None:
        """Its script may use this much memory, in MB; less than before."""
        if not self.exited.done():
            self._owner.tell({"limit": self.pid, "memory_mb": memory_mb})

    def ended_with(self, status: int, *, out_of_memory: bool) -> None:
        """The spawner has reaped it."""
        said = any(sign in self.diagnostics.text() for sign in _OUT_OF_MEMORY)
        self.ended(ExitStatus.of(status, out_of_memory=out_of_memory or said))

    def ended(self, status: ExitStatus) -> None:
        """Nothing more comes from it."""
        if not self.exited.done():
            self.exited.set_result(status)
        self._close_calls()
        self.diagnostics.text()
        self.diagnostics.close()

    def _close_calls(self) -> None:
        if self._calls is not None:
            self._calls.close()


@dataclass(frozen=True, slots=True)
class Channels:
    """Our ends of what leads into a sandbox."""

    link: socket.socket
    calls: socket.socket
    diagnostics: int

    @classmethod
    def open(cls) -> tuple[Channels, list[int]]:
        """Ours, and the sandbox's ends in the order the spawner takes them."""
        readable, writable = os.pipe()
        link, their_link = socket.socketpair()
        calls, their_calls = socket.socketpair()
        theirs = [their_link.detach(), their_calls.detach(), writable]
        return cls(link, calls, readable), theirs

    def close(self) -> None:
        """Nobody is at the other end."""
        self.link.close()
        self.calls.close()
        os.close(self.diagnostics)


@dataclass(frozen=True, slots=True)
class _Request:
    """A spawn under way: who waits, and what will lead into the sandbox."""

    answer: asyncio.Future[SandboxProcess]
    channels: Channels

    def fail(self, reason: str) -> None:
        self.channels.close()
        if not self.answer.done():
            self.answer.set_exception(SpawnError(reason))


class Spawner:
    """Starts the spawner process on first use, and again should it have died.

    Its sandboxes end with it.
    """

    def __init__(self, start: Callable[[str, int], subprocess.Popen[bytes]] | None = None) -> None:
        self._start = start or _start_quiet
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, _Request] = {}
        self._questions: dict[int, asyncio.Future[list[dict[str, Any]]]] = {}
        self._running: dict[int, SandboxProcess] = {}
        self._outbox: deque[tuple[bytes, list[int]]] = deque()
        self._next = 1

    @property
    def pid(self) -> int | None:
        """The spawner process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def spawn(self, jail: spec.JailSpec) -> SandboxProcess:
        """Start a jailed process. Raises SpawnError."""
        self._ensure_started()
        channels, theirs = Channels.open()
        request = _Request(self._loop.create_future(), channels)
        number, self._next = self._next, self._next + 1
        self._asked[number] = request
        message = json.dumps({"spawn": number, "jail": spec.encode(jail)}).encode()
        self._send(message, theirs)
        return await request.answer

    def tell(self, message: dict[str, object]) -> None:
        """Send a command that has no answer."""
        if self._control is not None:
            self._send(json.dumps(message).encode(), [])

    async def layers(self, jail: spec.JailSpec) -> list[dict[str, Any]]:
        """Every layer of this jail on this machine, as `jail.probe` says. Raises SpawnError."""
        self._ensure_started()
        number, self._next = self._next, self._next + 1
        answer: asyncio.Future[list[dict[str, Any]]] = self._loop.create_future()
        self._questions[number] = answer
        self._send(json.dumps({"layers": number, "jail": spec.encode(jail)}).encode(), [])
        return await answer

    async def close(self) -> None:
        """End the spawner and, with it, all sandboxes."""
        processes = list(self._running.values())
        for process in processes:
            process.kill()
        if processes:
            await asyncio.wait([process.exited for process in processes], timeout=_PATIENCE)
        await self._dismiss()
        self._lost("the node is stopping")

    async def _dismiss(self) -> None:
        """Let the spawner clean up after itself and leave."""
        if self._control is None or self._process is None:
            return
        self._loop.remove_reader(self._control)
        self._control.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, _PATIENCE)

    def _ensure_started(self) -> None:
        if self._control is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = self._start(
                "from picloud.executor.spawner import main; "
                f"main({theirs.fileno()}, {os.getpid()})",
                theirs.fileno(),
            )
        ours.setblocking(False)
        self._control = ours
        self._loop.add_reader(ours, self._receive)

    def _send(self, message: bytes, descriptors: list[int]) -> None:
        self._outbox.append((message, descriptors))
        if len(self._outbox) == 1:
            self._flush()

    def _flush(self) -> None:
        control = self._control
        while control is not None and self._outbox:
            message, descriptors = self._outbox[0]
            try:
                socket.send_fds(control, [message], descriptors)
            except BlockingIOError:
                self._loop.add_writer(control, self._flush)
                return
            except OSError as error:
                self._lost(f"the spawner is gone: {error}")
                return
            self._outbox.popleft()
            _close(descriptors)
        if control is not None:
            self._loop.remove_writer(control)

    def _receive(self) -> None:
        if self._control is None:
            return
        try:
            packet = self._control.recv(MAX_PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if packet:
            self._took(json.loads(packet))
        else:
            self._lost("the spawner has died")

    def _took(self, message: dict[str, Any]) -> None:
        if "spawned" in message:
            request, pid = self._asked.pop(message["spawned"]), message["pid"]
            # made before its caller wakes up: its end may be the next packet
            process = SandboxProcess(pid, request.channels, self)
            self._running[pid] = process
            if request.answer.cancelled():
                process.abandon()
            else:
                request.answer.set_result(process)
        elif "layers" in message:
            self._questions.pop(message["layers"]).set_result(message["found"])
        elif message.get("failed") in self._questions:
            self._questions.pop(message["failed"]).set_exception(SpawnError(message["reason"]))
        elif "failed" in message:
            self._asked.pop(message["failed"]).fail(message["reason"])
        elif message["exited"] in self._running:
            process = self._running.pop(message["exited"])
            process.ended_with(message["status"], out_of_memory=message["out_of_memory"])

    def _lost(self, reason: str) -> None:
        if self._control is None or self._process is None:
            return
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)
        self._control.close()
        self._control = None
        for _, descriptors in self._outbox:
            _close(descriptors)
        self._outbox.clear()
        self._process.kill()
        self._process.wait()
        questions, self._questions = self._questions, {}
        for answer in questions.values():
            if not answer.done():
                answer.set_exception(SpawnError(reason))
        asked, self._asked = self._asked, {}
        for request in asked.values():
            request.fail(reason)
        running, self._running = self._running, {}
        for process in running.values():
            process.ended(ExitStatus(None, signal.SIGKILL))


def start_isolated(code: str, *pass_fds: int, **options: Any) -> subprocess.Popen[bytes]:
    """A Python without site packages, environment or terminal, in a session of its own."""
    preamble = f"import sys; sys.path.insert(0, {os.fspath(_SERVER)!r}); "
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", preamble + code],
        stdin=subprocess.DEVNULL,
        pass_fds=pass_fds,
        start_new_session=True,
        env={"LANG": "C.UTF-8"},
        **options,
    )


def _start_quiet(code: str, control: int) -> subprocess.Popen[bytes]:
    return start_isolated(code, control, stdout=subprocess.DEVNULL)


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
