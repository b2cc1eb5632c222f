"""The global Function constructor.

id: S8
canary: code
"""

import js


def attack(target):
    return js.Function(f"return {target.code}")()
