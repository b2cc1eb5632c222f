"""JavaScript by js.eval.

id: S6
canary: code
"""

import js


def attack(target):
    return js.eval(target.code)
