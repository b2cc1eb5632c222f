"""Output without end, on every stream.

id: R22
canary: code
bare: a terminal takes any amount
"""

import sys


def attack(target):
    for _ in range(60):
        sys.stdout.write("x" * 10**6)
        sys.stderr.write("y\n" * 10**4)
    return "written"
