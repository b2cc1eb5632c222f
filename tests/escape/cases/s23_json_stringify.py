"""The host's JSON.stringify, replaced.

id: S23
canary: code
spoils: a changed JSON
"""

import js
from pyodide.ffi import create_proxy


def attack(target):
    lie = f'"{target.mark[::-1]}"'
    js.JSON.stringify = create_proxy(lambda *_: lie)
    return "an honest answer"
