"""A secret copied to where others read it.

id: F14
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").copyFileSync(target.secret_file, target.loot)
