"""A process that stays behind.

id: S40
canary: process
"""

import js
from pyodide.ffi import to_js


def attack(target):
    arguments = to_js(["-c", f"sleep 4; : {target.mark}"])
    options = to_js({"detached": True, "stdio": "ignore"}, dict_converter=js.Object.fromEntries)
    return js.process.getBuiltinModule("child_process").spawn("/bin/sh", arguments, options).pid
