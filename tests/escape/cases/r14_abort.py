"""Aborting the interpreter.

id: R14
canary: death
"""

import os


def attack(target):
    os.abort()
