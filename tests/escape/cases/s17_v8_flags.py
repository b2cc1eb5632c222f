"""Turning off V8's own flags, then eval.

id: S17
canary: code
spoils: V8's flags
"""

import js


def attack(target):
    v8 = js.process.getBuiltinModule("v8")
    v8.setFlagsFromString("--no-disallow-code-generation-from-strings")
    return js.eval(target.code)
