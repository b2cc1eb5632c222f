"""Recursion without a limit, through C.

id: R9
canary: death
"""

import sys


def attack(target):
    sys.setrecursionlimit(10**9)

    def deeper(n):
        return sorted([0], key=lambda _: deeper(n + 1))

    return deeper(0)
