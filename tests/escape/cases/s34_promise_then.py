"""The host's await, seen through a replaced Promise.prototype.then.

id: S34
canary: code
spoils: a changed prototype
bare: V8's await does not look `then` up on its own promises
"""

import js
from pyodide.ffi import create_proxy


def attack(target):
    lie = target.mark[::-1]

    def then(*functions):
        functions[0](lie)

    js.Promise.prototype.then = create_proxy(then)
    return "an honest answer"
