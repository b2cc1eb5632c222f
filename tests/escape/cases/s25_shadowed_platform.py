"""The platform's modules replaced, in Python and in JavaScript.

id: S25
canary: code
bare: it has no platform
"""

import sys
import types

import pyodide_js
from pyodide.ffi import to_js


def attack(target):
    evil = types.ModuleType("pic")
    evil.__getattr__ = lambda name: target.mark
    for name in [name for name in sys.modules if name.startswith(("pic", "_picloud"))]:
        sys.modules[name] = evil
    pyodide_js.registerJsModule("picloud", to_js({"mark": target.mark}))
    return "replaced"
