"""A host file truncated.

id: F10
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").truncateSync(target.other_file)
