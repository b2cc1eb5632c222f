"""Jailed processes for tests: a stand-in for the sandbox host, spawners of two users, canaries."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

from picloud.executor.jail.spec import JailSpec
from picloud.executor.runtime import Runtime, node_binary
from picloud.executor.sandbox_process import SandboxProcess, Spawner, start_isolated

NOBODY = 65534
PATIENCE = 20.0
SECRET = "a-secret-of-somebody-else"

# Says HELLO on the link, as the host does first; ends with RETIRE or with the link.
HOST = """
const payload = Buffer.from(JSON.stringify(
  {protocol: [1, 1], runtime: 'none', node: process.versions.node, boot: 'full', boot_ms: 1}));
const head = Buffer.alloc(12);
head.writeUInt32LE(payload.length, 0);
head[4] = 1;
head[5] = 1;
const link = new (require('net').Socket)({fd: 3});
link.write(Buffer.concat([head, payload]));
link.on('data', (data) => { if (data.at(-8) === 13) process.exit(0); });
link.on('end', () => process.exit(0));
"""
# Lives on, whatever it is told and when its link is closed.
DEAF = HOST.replace("process.exit(0)", "void 0") + "setInterval(() => {}, 1000000);"
MUTE = "setInterval(() => {}, 1000000)"
BROKEN = "console.error('no such module: pyodide'); process.exit(3)"


def make_host(directory: Path, source: str = HOST, flags: str = "[]") -> Path:
    """A directory like the sandbox host's, with this program."""
    (directory / "dist").mkdir(parents=True, exist_ok=True)
    (directory / "dist" / "main.js").write_text(source)
    (directory / "node-flags.json").write_text(flags)
    return directory


def jail_of(directory: Path, script: str, *arguments: str, read: tuple[str, ...] = ()) -> JailSpec:
    """The jail of a sandbox, around another script of the same directory."""
    jail = Runtime.find(sandbox_host=directory, snapshot=None).jail()
    return replace(jail, arguments=(str(directory / script), *arguments), read=(*jail.read, *read))


LEVELS = ("full", "portable")


def at_level(jail: JailSpec, level: str) -> JailSpec:
    """The jail with all layers this machine grants, or with those that every machine has."""
    if level == "full":
        return jail
    return replace(jail, namespaces=False, private_user=False, cgroup=False)


def spawner_as(user: int) -> Spawner:
    """A spawner that has become this user before its first sandbox."""
    if user == os.geteuid():
        return Spawner()

    def start(code: str, control: int) -> subprocess.Popen[bytes]:
        # imported before, as the user may not be able to read the package
        become = f"os.setgroups([]); os.setresgid(*[{user}] * 3); os.setresuid(*[{user}] * 3); "
        return start_isolated(
            f"import os, picloud.executor.spawner; {become}{code}",
            control,
            stdout=subprocess.DEVNULL,
        )

    return Spawner(start)


def users() -> list[int]:
    """Whom the jail can be tried as here."""
    if os.geteuid() != 0:
        return [os.geteuid()]
    try:
        read_this_file = f"require('fs').readFileSync({json.dumps(__file__)})"
        subprocess.run(
            [node_binary(), "-e", read_this_file], user=NOBODY, check=True, capture_output=True
        )
    except (OSError, subprocess.SubprocessError):
        return [0]  # where the checkout is closed to others, nobody else can run it
    return [0, NOBODY]


async def is_gone(pid: int) -> bool:
    """Wait for a process that is not our child to end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(await asyncio.to_thread(poll.poll, PATIENCE * 1000))
    finally:
        os.close(descriptor)


def read_proc(pid: int, name: str) -> str:
    """What the kernel says of a process."""
    return Path(f"/proc/{pid}/{name}").read_text()


def status_of(pid: int) -> dict[str, str]:
    """The kernel's `status` of a process, by line."""
    lines = read_proc(pid, "status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


async def ended(process: SandboxProcess) -> tuple[str, str]:
    """How it ended, and what it said."""
    async with asyncio.timeout(PATIENCE):
        status = await process.exited
    return str(status), process.diagnostics.text()


def first_frame(process: SandboxProcess) -> bytes:
    """The payload of the first frame on the link."""
    process.link.settimeout(PATIENCE)
    head = process.link.recv(12, socket.MSG_WAITALL)
    (length,) = struct.unpack_from("<I", head)
    return process.link.recv(length, socket.MSG_WAITALL)


class Victim:
    """A process of the same user that would be hurt if a jail leaked."""

    def __init__(self, user: int) -> None:
        self._process = subprocess.Popen(
            ["sleep", "1000"], env={"PATH": os.environ["PATH"], "SECRET": SECRET}, user=user
        )
        self.pid = self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def is_killed(self) -> bool:
        return self._process.wait(PATIENCE) == -signal.SIGKILL

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
