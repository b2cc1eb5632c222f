"""What a jailed Node.js can do to the world, judged from outside. Each attempt works unjailed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from picloud.executor.runtime import node_binary
from picloud.executor.sandbox_process import Spawner
from support import sandboxes

ATTEMPT = Path(sandboxes.__file__).with_name("attempt.cjs")
# with a root of its own there is not even such a file
REFUSED = (("exit code 1", "no: EACCES"), ("exit code 1", "no: ENOENT"))
FORBIDDEN = "SIGSYS (a system call the jail forbids)"


class Jailbreak:
    """Runs an attempt, first outside the jail and then inside."""

    def __init__(self, directory: Path, user: int, spawner: Spawner, level: str) -> None:
        self._directory = directory
        self._level = level
        self._user = user
        self._spawner = spawner

    def outside(self, name: str, target: object) -> str:
        result = subprocess.run(
            [node_binary(), self._directory / "attempt.cjs", name, str(target)],
            capture_output=True,
            text=True,
            check=False,
            user=self._user,
            timeout=sandboxes.PATIENCE,
        )
        assert result.returncode == 0, result
        return result.stdout.strip()

    async def inside(self, name: str, target: object) -> tuple[str, str]:
        jail = sandboxes.jail_of(
            self._directory, "attempt.cjs", name, str(target), read=(str(self._directory),)
        )
        process = await self._spawner.spawn(sandboxes.at_level(jail, self._level))
        process.link.close()
        return await sandboxes.ended(process)


@pytest.fixture(params=sandboxes.LEVELS)
def jailbreak(request: pytest.FixtureRequest, host: Path, user: int, spawner: Spawner) -> Jailbreak:
    shutil.copy(ATTEMPT, host)
    return Jailbreak(host, user, spawner, request.param)


class Canary:
    """Counts who reaches it."""

    def __init__(self, kind: socket.SocketKind, address: str | tuple[str, int]) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family, kind)
        self._socket.bind(address)
        self.reached = threading.Semaphore(0)
        self.count = 0
        if kind == socket.SOCK_STREAM:
            self._socket.listen()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _watch(self) -> None:
        while True:
            try:
                if self._socket.type == socket.SOCK_STREAM:
                    self._socket.accept()[0].close()
                elif not self._socket.recv(100):
                    return
            except OSError:
                return
            self.count += 1
            self.reached.release()


@pytest.fixture
def tcp() -> Iterator[Canary]:
    canary = Canary(socket.SOCK_STREAM, ("127.0.0.1", 0))
    yield canary
    canary.close()


@pytest.fixture
def unix(place: Path) -> Iterator[Canary]:
    canary = Canary(socket.SOCK_STREAM, str(place / "canary.sock"))
    (place / "canary.sock").chmod(0o777)
    yield canary
    canary.close()


def state(path: Path) -> tuple[int, int, str] | None:
    """What a change to a file would show in."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_mode, status.st_mtime_ns, path.read_text()


async def test_it_runs_and_can_use_threads(jailbreak: Jailbreak) -> None:
    assert jailbreak.outside("thread", "") == "done 42"
    assert await jailbreak.inside("thread", "") == ("exit code 0", "done 42")


async def test_it_cannot_connect_over_tcp(jailbreak: Jailbreak, tcp: Canary) -> None:
    assert jailbreak.outside("tcp", tcp.port) == "done"
    assert tcp.reached.acquire(timeout=sandboxes.PATIENCE)
    assert (await jailbreak.inside("tcp", tcp.port))[0] == FORBIDDEN
    assert tcp.count == 1


async def test_it_cannot_connect_to_a_unix_socket(
    jailbreak: Jailbreak, unix: Canary, place: Path
) -> None:
    assert jailbreak.outside("unix", place / "canary.sock") == "done"
    assert unix.reached.acquire(timeout=sandboxes.PATIENCE)
    assert (await jailbreak.inside("unix", place / "canary.sock"))[0] == FORBIDDEN
    assert unix.count == 1


async def test_it_cannot_send_udp(jailbreak: Jailbreak) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as canary:
        canary.bind(("127.0.0.1", 0))
        canary.settimeout(sandboxes.PATIENCE)
        port = canary.getsockname()[1]
        assert jailbreak.outside("udp", port) == "done"
        assert canary.recv(10) == b"hello"
        assert (await jailbreak.inside("udp", port))[0] == FORBIDDEN
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.recv(10)


async def test_it_cannot_listen(jailbreak: Jailbreak) -> None:
    assert jailbreak.outside("listen", "") == "done"
    assert (await jailbreak.inside("listen", ""))[0] == FORBIDDEN


async def test_it_reads_no_file_but_its_own(jailbreak: Jailbreak, place: Path) -> None:
    (place / "canary").write_text(sandboxes.SECRET)
    assert jailbreak.outside("read", place / "canary") == sandboxes.SECRET
    assert await jailbreak.inside("read", place / "canary") in REFUSED
    for path in ("/etc/passwd", "/etc/hostname", "/proc/self/status", "/proc/meminfo"):
        assert jailbreak.outside("read", path)
        assert await jailbreak.inside("read", path) in REFUSED


async def test_no_way_through_a_readable_directory_leads_out(
    jailbreak: Jailbreak, place: Path, host: Path
) -> None:
    (place / "canary").write_text(sandboxes.SECRET)
    (host / "dist" / "link").symlink_to(place / "canary")
    for path in (host / "dist" / "link", f"{host}/dist/../../canary"):
        assert jailbreak.outside("read", path) == sandboxes.SECRET
        assert await jailbreak.inside("read", path) in REFUSED


async def test_it_reads_no_environment(jailbreak: Jailbreak, user: int) -> None:
    victim = sandboxes.Victim(user)
    try:
        for path in (f"/proc/{victim.pid}/environ", "/proc/self/environ"):
            jailbreak.outside("read", path)
            assert await jailbreak.inside("read", path) in REFUSED
    finally:
        victim.close()


async def test_it_lists_no_directory(jailbreak: Jailbreak, place: Path) -> None:
    (place / "canary").touch()
    assert "canary" in jailbreak.outside("list", place)
    status, said = await jailbreak.inside("list", place)
    assert (status, said) in REFUSED


async def test_it_changes_no_file(jailbreak: Jailbreak, place: Path, user: int) -> None:
    open_to_all = place / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    canary = open_to_all / "canary"
    for name in ("write", "append", "truncate", "chmod", "remove"):
        canary.write_text("before")
        os.chown(canary, user, -1)
        canary.chmod(0o666)
        before = state(canary)
        assert (await jailbreak.inside(name, canary))[1] in ("no: EACCES", "no: ENOENT", ""), name
        assert state(canary) == before, name
        jailbreak.outside(name, canary)
        assert state(canary) != before, name


async def test_it_makes_no_file(jailbreak: Jailbreak, place: Path) -> None:
    open_to_all = place / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    for name in ("write", "link"):
        assert (await jailbreak.inside(name, open_to_all / name))[0] in ("exit code 1", FORBIDDEN)
        assert list(open_to_all.iterdir()) == [], name
    for name in ("write", "link"):
        jailbreak.outside(name, open_to_all / name)
        assert (open_to_all / name).is_file(), name


async def test_it_starts_no_program(jailbreak: Jailbreak, place: Path) -> None:
    open_to_all = place / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    command = f"echo run >> {open_to_all}/shell"
    jailbreak.outside("shell", command)
    assert (open_to_all / "shell").read_text() == "run\n"
    status, said = await jailbreak.inside("shell", command)
    assert status != "exit code 0", said
    assert (open_to_all / "shell").read_text() == "run\n"


async def test_it_starts_not_even_another_node(jailbreak: Jailbreak) -> None:
    assert jailbreak.outside("node", "") == "42"
    status, said = await jailbreak.inside("node", "")
    assert status != "exit code 0"
    assert "42" not in said


async def test_it_loads_no_library(jailbreak: Jailbreak, place: Path) -> None:
    assert (await jailbreak.inside("library", place / "any.so"))[0] != "exit code 0"
    assert "no:" in (await jailbreak.inside("library", "/usr/lib/any.so"))[1]


async def test_it_signals_nobody(jailbreak: Jailbreak, user: int, spawner: Spawner) -> None:
    victims = sandboxes.Victim(user), sandboxes.Victim(user)
    try:
        jailbreak.outside("kill", victims[0].pid)
        assert victims[0].is_killed()
        assert await jailbreak.inside("kill", victims[1].pid) == (FORBIDDEN, "")
        assert await jailbreak.inside("kill", spawner.pid) == (FORBIDDEN, "")
        assert await jailbreak.inside("kill", -1) == (FORBIDDEN, "")
        assert victims[1].is_alive()
    finally:
        for victim in victims:
            victim.close()
    assert (await jailbreak.inside("thread", ""))[0] == "exit code 0"  # the spawner lives


async def test_the_kernel_shows_every_layer(spawner: Spawner, host: Path) -> None:
    process = await spawner.spawn(sandboxes.jail_of(host, "dist/main.js"))
    assert b"protocol" in sandboxes.first_frame(process)
    status = sandboxes.status_of(process.pid)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[capabilities], 16) == 0
    limits = sandboxes.read_proc(process.pid, "limits")
    for name, most in (("core file size", "0"), ("file size", "0"), ("open files", "64")):
        assert re.search(rf"^Max {name} +{most} +{most} ", limits, re.MULTILINE), limits
    process.link.close()


async def test_it_inherits_its_link_its_calls_its_diagnostics_and_nothing_else(
    spawner: Spawner, host: Path
) -> None:
    secret_in, secret_out = os.pipe()
    os.set_inheritable(secret_in, True)
    try:
        (host / "descriptors.cjs").write_text(
            "const fs = require('fs'); const open = [];"
            "for (let fd = 0; fd < 64; fd++) { try { const s = fs.fstatSync(fd);"
            "if (s.isSocket()) open.push(`${fd}:socket`);"
            "else if (s.isFIFO() && fd < 3) open.push(`${fd}:pipe`);"
            "else if (s.isCharacterDevice() && fd < 3) open.push(`${fd}:device`);"
            "} catch {} } fs.writeSync(1, open.join()); process.exit(0)"
        )
        read = (str(host),)
        process = await spawner.spawn(sandboxes.jail_of(host, "descriptors.cjs", read=read))
        assert await sandboxes.ended(process) == (
            "exit code 0",
            "0:device,1:pipe,2:pipe,3:socket,4:socket",
        )
        process.link.close()
    finally:
        os.close(secret_in)
        os.close(secret_out)


async def test_its_environment_holds_nothing_of_ours(
    spawner: Spawner, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICLOUD_DATABASE_URL", sandboxes.SECRET)
    process = await spawner.spawn(sandboxes.jail_of(host, "dist/main.js"))
    sandboxes.first_frame(process)
    environment = sandboxes.read_proc(process.pid, "environ")
    assert "PATH=/\0" in environment
    assert "PICLOUD" not in environment
    assert sandboxes.SECRET not in environment
    process.link.close()
