"""A host file's times changed.

id: F13
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").utimesSync(target.other_file, 1, 1)
