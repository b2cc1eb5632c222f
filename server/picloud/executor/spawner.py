"""The spawner: a small single-threaded process that forks, jails and starts sandboxes.

Forking and ctypes are unsafe beside threads and an event loop, so the node keeps this process for
it and talks to it over one SOCK_SEQPACKET pair, a JSON object a packet:

    {"spawn": id, "jail": {...}} + three descriptors  ->  {"spawned": id, "pid": n}
    {"layers": id, "jail": {...}}                         {"layers": id, "found": [...]}
                                                          {"failed": id, "reason": "..."}
    {"kill": pid}    {"nice": pid, "to": n}    {"limit": pid, "memory_mb": n}
                              <-  {"exited": pid, "status": waitstatus, "out_of_memory": bool}

The descriptors are the sandbox's ends of its link, of its calls and of its diagnostics. A pid is a
sandbox's as seen from outside: within its own namespace it is 1.

It sleeps until a packet or SIGCHLD comes. It dies with the node, and every sandbox dies with it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Final, NoReturn

from picloud.executor.jail import enter, kernel, probe, spec
from picloud.executor.jail.enter import Plan
from picloud.executor.jail.premises import Premises
from picloud.executor.jail.spec import JailSpec

MAX_PACKET: Final = 128 * 1024
_DESCRIPTORS: Final = 3


class Spawner:
    """Its children are the sandboxes; only it reaps them, so a pid in `children` is never stale."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: set[int] = set()
        self._premises = Premises()

    def serve(self) -> None:
        """Work until the node closes its end."""
        wakeup, poll = _wake_on_child(), select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(wakeup, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == wakeup:
                    os.read(wakeup, 4096)
                    self._reap()
                elif not self._take_packet():
                    return

    def end_all(self) -> None:
        """No sandbox outlives the node."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)
            self._premises.release(pid)
        self._premises.close()

    def _take_packet(self) -> bool:
        packet, descriptors, _, _ = socket.recv_fds(self._control, MAX_PACKET, _DESCRIPTORS)
        if not packet:
            return False
        request = json.loads(packet)
        if "spawn" in request:
            self._spawn(request["spawn"], spec.decode(request["jail"]), descriptors)
        elif "layers" in request:
            self._tell_layers(request["layers"], spec.decode(request["jail"]))
        elif request.get("kill") in self._children:
            os.kill(request["kill"], signal.SIGKILL)
        elif request.get("limit") in self._children:
            self._premises.limit(request["limit"], request["memory_mb"])
        elif request.get("nice") in self._children:
            self._premises.weigh(request["nice"], request["to"])
        return True

    def _spawn(self, number: int, jail: JailSpec, descriptors: list[int]) -> None:
        try:
            pid, reason = self._fork(self._premises.plan(jail), descriptors)
        except OSError as error:  # a file is missing, or there is no memory or process left
            self._tell({"failed": number, "reason": str(error)})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if reason:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._premises.release(pid)
            self._tell({"failed": number, "reason": reason})
        else:
            self._children.add(pid)
            self._tell({"spawned": number, "pid": pid})

    def _fork(self, plan: Plan, descriptors: list[int]) -> tuple[int, str]:
        fault_in, fault_out = os.pipe()
        try:
            pid = kernel.clone(plan.flags)
            if pid == 0:
                _become_sandbox(plan, (*descriptors, fault_out))
        except OSError:
            os.close(fault_in)
            self._premises.discard(plan)
            raise
        finally:
            os.close(fault_out)
        reason = ""
        try:
            self._premises.admit(pid, plan)  # takes its time while the child goes on
        except OSError as error:
            reason = str(error)
        with open(fault_in, "rb") as fault:
            # ends with the child's execve, or with the child
            return pid, fault.read().decode(errors="replace") or reason

    def _tell_layers(self, number: int, jail: JailSpec) -> None:
        try:
            self._tell({"layers": number, "found": probe.layers(self._premises, jail)})
        except OSError as error:
            self._tell({"failed": number, "reason": str(error)})

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._children.discard(pid)
            out_of_memory = self._premises.release(pid)
            self._tell({"exited": pid, "status": status, "out_of_memory": out_of_memory})

    def _tell(self, message: dict[str, object]) -> None:
        self._control.send(json.dumps(message).encode())


def _become_sandbox(plan: Plan, descriptors: tuple[int, ...]) -> NoReturn:
    link, calls, diagnostics, fault = descriptors
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        ruleset = enter.take_descriptors(
            link=link, calls=calls, diagnostics=diagnostics, fault=fault, ruleset=plan.ruleset
        )
        fault = enter.FAULT_FD
        enter.enter(plan, ruleset=ruleset)
    except Exception as error:
        os.write(fault, str(error).encode()[:4096])
    finally:
        os._exit(1)


def _wake_on_child() -> int:
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def main(control_fd: int, node_pid: int) -> None:
    """Serve the node at the other end of this descriptor."""
    os.umask(0o022)  # what is laid out for sandboxes is for other users to see
    enter.die_with(node_pid)
    gc.disable()  # its objects are few, and a collection in a child would copy their pages
    spawner = Spawner(socket.socket(fileno=control_fd))
    try:
        spawner.serve()
    except ConnectionError:
        sys.exit(1)
    finally:
        spawner.end_all()
