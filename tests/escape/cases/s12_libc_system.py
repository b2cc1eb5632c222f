"""A shell through the C library's system(), through ctypes.

id: S12
canary: file
"""

import ctypes


def attack(target):
    return ctypes.CDLL(None).system(f"id > {target.loot}".encode())
