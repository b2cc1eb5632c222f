"""Leaving the interpreter by os._exit.

id: R13
canary: death
"""

import os


def attack(target):
    os._exit(0)
