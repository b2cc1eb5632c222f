"""A host file's mode changed.

id: F12
canary: file
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").chmodSync(target.other_file, 0o600)
