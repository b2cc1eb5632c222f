"""A regular expression that backtracks for ever.

id: R12
canary: time
"""

import re


def attack(target):
    return re.match(r"(a+)+$", "a" * 64 + "b")
