"""A hard link to a file of somebody else.

id: F16
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").linkSync(target.secret_file, target.loot)
