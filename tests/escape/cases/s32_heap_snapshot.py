"""A heap snapshot written to disk.

id: S32
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("v8").writeHeapSnapshot(target.loot)
