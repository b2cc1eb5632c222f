"""The interpreter's own memory overwritten.

id: R15
canary: death
"""

import ctypes


def attack(target):
    ctypes.memset(16, 0x41, 20 << 20)
