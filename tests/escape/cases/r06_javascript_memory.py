"""As much memory as JavaScript gets, outside of Python's.

id: R6
canary: memory
spoils: memory
"""

import js


def attack(target):
    js.kept = js.Array.new()
    for _ in range(20):
        js.kept.push(js.Uint8Array.new(64 << 20).fill(1))
    return "all of it"
