"""A loop inside C code, which no interrupt reaches.

id: R4
canary: time
"""


def attack(target):
    return sum(range(10**12))
