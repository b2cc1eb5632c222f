"""An exception with a message of a hundred megabytes.

id: R23
canary: code
bare: it is only large
"""


def attack(target):
    raise ValueError("x" * 10**8)
