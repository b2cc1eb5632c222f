"""A write to memory that is not there.

id: R10
canary: death
"""

import ctypes


def attack(target):
    ctypes.memset(0x7FFFFFFF, 0x41, 16)
