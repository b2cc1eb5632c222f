"""JavaScript found by walking up the Python frames of the platform.

id: S43
canary: pid
"""

import sys

from pyodide.ffi import JsProxy


def attack(target):
    frame = sys._getframe()
    while frame is not None:
        for value in [*frame.f_globals.values(), *frame.f_locals.values()]:
            for candidate in (value, getattr(value, "js", None)):
                if isinstance(candidate, JsProxy) and hasattr(candidate, "process"):
                    return f"pid {candidate.process.pid}"
        frame = frame.f_back
    import js

    return f"pid {js.process.pid}"
