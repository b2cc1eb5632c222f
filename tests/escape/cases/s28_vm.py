"""node:vm, which ignores the ban on code from strings.

id: S28
canary: code
"""

import js


def attack(target):
    return js.process.getBuiltinModule("vm").runInThisContext(target.code)
