"""Bytes written to the link by its descriptor.

id: S24
canary: link
spoils: half a frame
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").writeSync(3, "forged")
