"""A symbolic link left where somebody may follow it.

id: F5
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").symlinkSync("/etc/passwd", target.loot)
