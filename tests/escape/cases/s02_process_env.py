"""The environment of the process, through js.process.env.

id: S2
canary: secret
"""

import js


def attack(target):
    return js.JSON.stringify(js.process.env)
