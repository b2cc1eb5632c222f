"""The inspector, on a port of its own.

id: S19
canary: listen
spoils: an open inspector
"""

import js


def attack(target):
    return js.process.getBuiltinModule("inspector").open(target.free_port, "127.0.0.1")
