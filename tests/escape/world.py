"""What an attack must not reach, and how we see that it did: canaries outside of every sandbox.

Nothing here believes what the guest says of itself: a canary is touched when a file has changed, a
connection has arrived, a process is gone or a secret stands in what came out.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 20.0
_BODY: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\ncanary"

# In the environment of whoever starts sandboxes: the bare runner's own, the node's, the spawner's.
ENVIRONMENT: Final = {"CANARY_ENV": secrets.token_hex(12)}

# Effects inside the attacker's own process: with the jail alone these are safe.
OWN: Final = frozenset(("pid", "code", "link", "time", "death"))


@dataclass(frozen=True, slots=True)
class Target:
    """What an attack is told: where the canaries are."""

    secret_file: str  # readable by everybody, with a secret in it
    other_file: str  # writable by everybody
    loot: str  # a path in a directory writable by everybody; nothing is there
    directory: str  # that directory
    tcp: int  # a port on 127.0.0.1
    udp: int
    unix: str  # a listening unix socket, open to everybody
    abstract: str  # a listening abstract unix socket, without its NUL
    free_port: int  # to listen on
    victim: int  # a process of the same user, with a secret in its environment
    mark: str  # for the command line of a process to start
    code: str  # JavaScript that gives what `touched` looks for


class World:
    """Fresh canaries for one attack."""

    def __init__(self, user: int | None = None) -> None:
        self.mark = secrets.token_hex(8)
        self._secrets = {name: secrets.token_hex(12) for name in ("file", "victim")}
        self.hits: set[str] = set()
        self._home = Path(tempfile.mkdtemp(prefix="picloud-escape-"))
        self._home.chmod(0o755)
        self._files()
        self._sinks = _Sinks(self.hits, self._home / "sink")
        self._victim = subprocess.Popen(
            ["sleep", "1000"],
            env={"PATH": os.environ["PATH"], "SECRET": self._secrets["victim"]},
            user=user,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._free_port = int(probe.getsockname()[1])
        self._before = self._fingerprint()

    @property
    def target(self) -> Target:
        """What the attack is told."""
        return Target(
            secret_file=str(self._home / "canary.txt"),
            other_file=str(self._home / "open" / "other"),
            loot=str(self._home / "open" / "loot"),
            directory=str(self._home / "open"),
            tcp=self._sinks.tcp,
            udp=self._sinks.udp,
            unix=self._sinks.unix,
            abstract=self._sinks.abstract,
            free_port=self._free_port,
            victim=self._victim.pid,
            mark=self.mark,
            code=f"Array.from('{self.mark}').reverse().join('')",
        )

    @property
    def job(self) -> str:
        """The target as JSON."""
        return json.dumps(asdict(self.target))

    def touched(self, said: str, attackers: Iterable[int]) -> set[str]:
        """The canaries an attack has reached. Call while its process lives.

        Args:
            said: everything that came out of the sandbox: answer, logs, diagnostics.
            attackers: the processes that may be the attacker's own.
        """
        pids = set(attackers)
        found = {
            "secret"
            for secret in (*self._secrets.values(), *ENVIRONMENT.values())
            if secret in said
        }
        found |= {"code"} if self.mark[::-1] in said else set()
        found |= {"pid"} if any(f"pid {pid}" in said for pid in pids) else set()
        found |= {"file"} if self._fingerprint() != self._before else set()
        found |= {"victim"} if not self._victim_is_well() else set()
        found |= {"process"} if self._marked_process(pids) else set()
        found |= {"listen"} if self._port_answers() else set()
        self._sinks.settle()
        return found | self.hits

    def close(self) -> None:
        """End what was started."""
        self._sinks.close()
        self._victim.kill()
        self._victim.wait()
        shutil.rmtree(self._home)

    def _files(self) -> None:
        canary = self._home / "canary.txt"
        canary.write_text(self._secrets["file"])
        canary.chmod(0o644)
        for name in ("open", "sink"):
            (self._home / name).mkdir()
            (self._home / name).chmod(0o777)
        other = self._home / "open" / "other"
        other.write_text("before")
        other.chmod(0o666)

    def _fingerprint(self) -> list[tuple[str, int, int, bytes]]:
        """Names, modes, times and contents of all files."""
        found = []
        for path in sorted(self._home.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            changed = 0 if path.is_dir() else status.st_mtime_ns
            found.append((str(path), status.st_mode, changed, content))
        return found

    def _victim_is_well(self) -> bool:
        if self._victim.poll() is not None:
            return False
        state = Path(f"/proc/{self._victim.pid}/stat").read_text().rpartition(") ")[2][0]
        return state != "T"

    def _marked_process(self, ours: set[int]) -> bool:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in ours:
                with contextlib.suppress(OSError):
                    if self.mark.encode() in (entry / "cmdline").read_bytes():
                        return True
        return False

    def _port_answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self._free_port)) == 0


class _Sinks:
    """Listens everywhere an attack may call, and notes who called."""

    def __init__(self, hits: set[str], directory: Path) -> None:
        self._hits = hits
        self._selector = selectors.DefaultSelector()
        tcp = self._listen("tcp", socket.AF_INET, ("127.0.0.1", 0))
        self.tcp = int(tcp.getsockname()[1])
        udp = self._open("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.udp = int(udp.getsockname()[1])
        self.unix = str(directory / "canary.sock")
        self._listen("unix", socket.AF_UNIX, self.unix)
        os.chmod(self.unix, 0o777)  # noqa: S103  # strangers are to find it open
        self.abstract = secrets.token_hex(8)
        self._listen("abstract", socket.AF_UNIX, f"\0{self.abstract}")
        self._stop, stop = socket.socketpair()
        self._selector.register(stop, selectors.EVENT_READ, "stop")
        self._turns = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def settle(self) -> None:
        """Return when everything that had arrived before is noted."""
        self._stop.send(b"?")
        self._turns.acquire(timeout=PATIENCE)

    def close(self) -> None:
        self._stop.close()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def _listen(self, name: str, family: int, address: str | tuple[str, int]) -> socket.socket:
        sink = self._open(name, family, socket.SOCK_STREAM, address)
        sink.listen()
        return sink

    def _open(
        self, name: str, family: int, kind: int, address: str | tuple[str, int]
    ) -> socket.socket:
        sink = socket.socket(family, kind)
        sink.bind(address)
        sink.setblocking(False)
        self._selector.register(sink, selectors.EVENT_READ, name)
        return sink

    def _watch(self) -> None:
        while True:
            ready = [(key.data, key.fileobj) for key, _ in self._selector.select()]
            for name, sink in sorted(ready, key=lambda found: bool(found[0] == "stop")):
                assert isinstance(sink, socket.socket)
                if name == "stop":
                    if not sink.recv(1):
                        return
                    self._turns.release()
                else:
                    self._hits.add(name)
                    _answer(sink)


def _answer(sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if sink.type == socket.SOCK_DGRAM:
            sink.recv(4096)
            return
        caller, _ = sink.accept()
        with caller:
            caller.settimeout(0.2)
            caller.recv(4096)
            caller.sendall(_BODY)
