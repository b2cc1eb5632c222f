"""A directory made on the host.

id: F15
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").mkdirSync(target.loot)
