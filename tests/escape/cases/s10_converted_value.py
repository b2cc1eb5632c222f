"""The Function constructor behind a value that to_js made.

id: S10
canary: code
"""

from pyodide.ffi import to_js


def attack(target):
    return to_js([1]).constructor.constructor(f"return {target.code}")()
