"""Scripts that behave badly, each in its own way, and one that does not."""

from __future__ import annotations

from dataclasses import dataclass

from picloud.domain.limits import Limits

QUIET = """
def handler(request):
    return {"hello": request.query.get("name", "world")}
"""


LIMITS = Limits(timeout_ms=500, cpu_ms=500, memory_mb=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abuse:
    """A script and what its callers may see of it."""

    source: str
    statuses: frozenset[int]


ABUSES = {
    "processor": Abuse(
        source="def handler(request):\n    while True: pass\n",
        statuses=frozenset((429, 504)),
    ),
    "memory": Abuse(
        source=(
            "def handler(request):\n"
            "    kept = []\n"
            "    while True: kept.append(bytearray(1 << 20))\n"
        ),
        statuses=frozenset((429, 500, 502, 503, 504)),
    ),
    "logs": Abuse(
        source=(
            "def handler(request):\n"
            "    for number in range(1_000_000): print('a line of a flood', number)\n"
        ),
        statuses=frozenset((200, 204, 429, 504)),
    ),
    "processes": Abuse(
        source=(
            "import os, subprocess, threading\n"
            "def attempt(act):\n"
            "    try: act()\n"
            "    except BaseException as error: return type(error).__name__\n"
            "    return 'done'\n"
            "def handler(request):\n"
            "    acts = [os.fork, lambda: subprocess.run(['/bin/sh', '-c', 'true']),\n"
            "            lambda: threading.Thread(target=print).start()]\n"
            "    return [attempt(act) for _ in range(300) for act in acts]\n"
        ),
        statuses=frozenset((200, 429, 500, 502, 503, 504)),
    ),
    "fetches": Abuse(
        source=(
            "import urllib.request\n"
            "def handler(request):\n"
            "    for number in range(200):\n"
            "        try: urllib.request.urlopen('http://127.0.0.1:1/')\n"
            "        except Exception: pass\n"
            "    return 'done'\n"
        ),
        statuses=frozenset((200, 429, 500, 502, 503, 504)),
    ),
}
