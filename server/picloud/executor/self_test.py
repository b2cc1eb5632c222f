"""The self-test: what a program in a real sandbox's jail can do to the world.

Node.js itself is the program, without the flags and the loader that would help the jail. It says
what it could do; what it could reach says so too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from picloud.executor.jail.spec import JailSpec
from picloud.executor.sandbox_process import Spawner, SpawnError

_PATIENCE: Final = 10.0  # seconds
_BEGUN: Final = "begun"

# What kills where the jail holds comes last; hence two programs, each with one such end.
_PROGRAM: Final = """
const [which, port, canary, secret, pid] = process.argv.slice(1);
const fs = require("node:fs");
const say = (word) => fs.writeSync(1, `${word}\\n`);
const attempt = (word, action) => { try { if (action() !== false) say(word); } catch {} };
const programs = {
  machine: () => {
    attempt("read a file", () => fs.readFileSync(canary, "utf8") === secret);
    attempt("see processes", () => fs.readdirSync("/proc").length > 0);
    attempt("read /proc", () => fs.readFileSync("/proc/self/status"));
    attempt("start a process", () => {
      const options = { stdio: "ignore" };
      const result = require("node:child_process").spawnSync(process.execPath, ["-v"], options);
      if (result.error) throw result.error;
    });
    attempt("signal a process", () => process.kill(Number(pid), 0));
  },
  network: () => {
    const connect = () => {
      const link = require("node:net").connect(Number(port), "127.0.0.1");
      link.on("connect", () => { say("connect"); process.exit(0); });
      link.on("error", () => process.exit(0));
    };
    const datagrams = require("node:dgram").createSocket("udp4");
    datagrams.on("error", connect);
    datagrams.bind(0, "127.0.0.1", () => { say("open a socket"); datagrams.close(connect); });
  },
};
say("begun");
programs[which]();
"""
PROGRAMS: Final = ("machine", "network")


class SelfTestError(SpawnError):
    """The self-test could not be carried out."""

    code = "self_test_failed"


@dataclass(frozen=True, slots=True)
class Canaries:
    """What nobody in a jail may reach: a listener, and a file open to every user."""

    listener: socket.socket
    file: str
    secret: str

    @classmethod
    @contextlib.contextmanager
    def put_out(cls) -> Iterator[Canaries]:
        """They are there for the length of a `with`."""
        secret = secrets.token_hex(16)
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            tempfile.NamedTemporaryFile("w", prefix="picloud-canary-") as file,
        ):
            listener.setblocking(False)
            file.write(secret)
            file.flush()
            os.chmod(file.name, 0o644)
            yield cls(listener, file.name, secret)

    def arguments(self, which: str, *, pid: int) -> tuple[str, ...]:
        """Node.js's arguments to try them; `pid` is a process to signal (with nothing)."""
        port = self.listener.getsockname()[1]
        return ("-e", _PROGRAM, which, str(port), self.file, self.secret, str(pid))

    def reached(self) -> bool:
        """Whether somebody connected."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


async def breaches(jail: JailSpec, spawner: Spawner) -> list[str]:
    """What a program in this jail could do and must not. Raises SelfTestError."""
    with Canaries.put_out() as canaries:
        said = await asyncio.gather(*(_said(which, jail, spawner, canaries) for which in PROGRAMS))
        found = [word for words in said for word in words]
        if canaries.reached() and "connect" not in found:
            found.append("connect")
        return found


async def _said(which: str, jail: JailSpec, spawner: Spawner, canaries: Canaries) -> list[str]:
    arguments = canaries.arguments(which, pid=os.getpid())
    process = await spawner.spawn(replace(jail, arguments=arguments))
    process.link.close()
    try:
        async with asyncio.timeout(_PATIENCE):
            status = await process.exited
    except TimeoutError as error:
        process.kill()
        raise SelfTestError(f"the self-test took longer than {_PATIENCE:g} s") from error
    begun, *words = process.diagnostics.text().splitlines() or [""]
    if begun != _BEGUN:
        raise SelfTestError(f"the self-test did not run: {status}: {begun}")
    return words
