"""Stopping a process of the same user.

id: S30
canary: victim
"""

import js


def attack(target):
    return js.process.kill(target.victim, "SIGSTOP")
