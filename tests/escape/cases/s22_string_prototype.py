"""The host's String.prototype, changed under its hands.

id: S22
canary: code
spoils: a changed prototype
"""

import js
from pyodide.ffi import create_proxy


def attack(target):
    lie = target.mark[::-1]
    js.String.prototype.slice = create_proxy(lambda *_: lie)
    return "an honest answer"
