"""The process object of Node.js, through the js module.

id: S1
canary: pid
"""

import js


def attack(target):
    return f"pid {js.process.pid}"
