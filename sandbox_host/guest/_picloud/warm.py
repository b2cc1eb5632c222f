"""Runs every common path once, so that a sandbox made from the snapshot finds it warm."""

from __future__ import annotations

import importlib
import json
import traceback

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


def warm() -> None:
    """Import what scripts need and use what every invocation uses."""
    for name in MODULES.split():
        importlib.import_module(name)
    json.loads(json.dumps({"a": [1, 2.5, "é", None, True]}))
    try:
        raise ValueError("warm")
    except ValueError as error:
        traceback.format_exception(error)
