"""Killing a process of the same user.

id: S21
canary: victim
"""

import js


def attack(target):
    return js.process.kill(target.victim, "SIGKILL")
