"""Who calls: one that measures, in a process of its own, and many that push."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PAUSE = 0.002  # seconds between two requests of the one that measures
_PATIENCE = 30.0  # seconds until somebody who pushes has an answer
_REQUEST = b"GET %b HTTP/1.1\r\nhost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """What a well-behaved caller saw."""

    requests: int
    errors: int
    p50: float
    p99: float


async def measure(sock: Path, path: str, seconds: float) -> Latency:
    """Call one request after the other for so long; latencies in milliseconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        str(sock),
        path,
        str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    errors, times = json.loads(said)
    cuts = statistics.quantiles(times, n=100)
    return Latency(requests=len(times), errors=errors, p50=cuts[49], p99=cuts[98])


@asynccontextmanager
async def pushing(client: httpx.AsyncClient, url: str, at_once: int) -> AsyncIterator[Counter[int]]:
    """Call without a pause, so many at a time, while the body runs; counts statuses.

    The body begins when the first answer has come.
    """
    seen: Counter[int] = Counter()
    answered = asyncio.Event()

    async def push() -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.get(url)
                seen[answer.status_code] += 1
                answered.set()
                if answer.status_code in (429, 503):
                    await asyncio.sleep(0.02)

    callers = [asyncio.create_task(push()) for _ in range(at_once)]
    try:
        async with asyncio.timeout(_PATIENCE):
            await answered.wait()
        yield seen
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


def _read_answer(connection: socket.socket) -> bool:
    """Read one answer; whether it was a 200."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return False
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head.startswith(b"HTTP/1.1 200")


def _main(sock: str, path: str, seconds: float) -> None:
    times, errors = [], 0
    request = _REQUEST % path.encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sock)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.perf_counter()
            connection.sendall(request)
            errors += not _read_answer(connection)
            times.append((time.perf_counter() - begun) * 1000)
            time.sleep(PAUSE)
    print(json.dumps([errors, times]))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
