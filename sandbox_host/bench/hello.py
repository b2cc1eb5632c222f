"""What one invocation costs in the sandbox host: `PYTHONPATH=server:tests python <this> SNAPSHOT`.

Keeps 64 invocations of a hello in flight over the link, in rounds of a thousand, and prints the
quickest and the middle round: on a machine with other work the quickest tells the cost.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from picloud.executor import frames
from support.sandbox_client import Box

IN_FLIGHT, ROUND, ROUNDS = 64, 1000, 200
HELLO = 'def handler(request):\n    return {"hello": request.query.get("name", "world")}\n'


def one_round(box: Box, invocation: bytes) -> float:
    """Seconds for a thousand invocations."""
    decoder = frames.Decoder()
    sent, done = IN_FLIGHT, 0
    started = perf_counter()
    box.send(invocation * IN_FLIGHT)
    while done < ROUND:
        finished = len(decoder.feed(box.socket.recv(65536)))
        done += finished
        more = min(finished, ROUND - sent)
        if more > 0:
            box.send(invocation * more)
            sent += more
    return perf_counter() - started


def memory(box: Box) -> str:
    """Proportional and private memory of the process."""
    lines = Path(f"/proc/{box.process.pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
    private = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return f"PSS {sizes['Pss']:.0f} MB, private {private:.0f} MB"


def main() -> None:
    box = Box(Path(sys.argv[1]))
    try:
        print(f"boot {box.hello['boot_ms']} ms, blank: {memory(box)}")
        box.bind(HELLO)
        head = box.head("GET", "/hello", "name=you", {"user-agent": "bench", "accept": "*/*"}, "")
        invocation = frames.encode_invoke(1, head)
        rounds = sorted(one_round(box, invocation) * 1e6 / ROUND for _ in range(ROUNDS))
        print(f"quickest {rounds[0]:.1f} µs, median {rounds[ROUNDS // 2]:.1f} µs an invocation")
        print(f"bound: {memory(box)}")
    finally:
        box.close()


if __name__ == "__main__":
    main()
