"""A host file removed.

id: F11
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").unlinkSync(target.other_file)
