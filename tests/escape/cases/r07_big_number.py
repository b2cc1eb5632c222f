"""A number with more digits than there is time for.

id: R7
canary: time
"""


def attack(target):
    return str(7 ** (10**8))[:9]
