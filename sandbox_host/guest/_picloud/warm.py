"""Runs every common path once, so that a sandbox made from the snapshot finds it warm."""

from __future__ import annotations

import gc
import importlib
import json
import linecache
import sys
import traceback
from time import perf_counter

from _picloud import answers, binding
from pic.request import Request

# The standard library modules that scripts commonly need: already imported in every sandbox.
MODULES = """
    abc argparse ast asyncio base64 binascii bisect calendar collections collections.abc colorsys
    configparser contextlib contextvars copy csv dataclasses datetime decimal difflib email.message
    enum fractions functools gzip hashlib heapq hmac html html.parser http http.cookies inspect io
    itertools json linecache logging math mimetypes numbers operator os pathlib pprint queue random
    re secrets shlex statistics string struct sys tempfile textwrap threading time traceback types
    typing unicodedata urllib.parse uuid warnings weakref xml.etree.ElementTree zlib zoneinfo pic
    pic.multipart
"""

_SCRIPT = b'''"""Any script."""

import json
from dataclasses import dataclass


@dataclass
class Greeting:
    text: str = "hello"

    def __str__(self) -> str:
        return f"{self.text!r}"


def handler(request):
    names = [name for name in request.query.get("name", "world").split(",") if name]
    return {"hello": names, "greeting": str(Greeting()), "n": len(json.dumps(names))}
'''
_HEAD = "0\n9999\nGET\n/x\nname=you\n127.0.0.1\n\nhttp\n/x/demo\nhost:localhost\naccept:*/*"


def warm() -> None:
    """Import what scripts need and use what every invocation uses."""
    for name in MODULES.split():
        importlib.import_module(name)
    json.loads(json.dumps({"a": [1, 2.5, "é", None, True]}))
    try:
        raise ValueError("warm")
    except ValueError as error:
        traceback.format_exception(error)
    rehearse()


def rehearse() -> None:
    """Load a script and answer with it, and leave nothing of it: WebAssembly compiles a function
    when it is first called, and the first request of a sandbox would wait for that."""
    json.loads(json.dumps({"timeout_ms": 1, "import_ms": round(perf_counter(), 3), "env": {}}))
    module = binding.load("rehearsal.py", _SCRIPT)
    result = binding.find_entry_point(module).handler(Request(_HEAD, b""))
    _, encode = answers.SIMPLE[type(result)]
    encode(result)
    del sys.modules[module.__name__], linecache.cache["rehearsal.py"]


def wipe() -> None:
    """Write zeros over memory that is free, as far as it is in one piece: no snapshot holds it, no
    sandbox has it in memory, no reset goes through it."""
    gc.collect()
    held = [bytes(1 << power) for power in range(20, 11, -1)]
    held += [bytes(1 << power) for power in range(16, 11, -1) for _ in range(8)]
