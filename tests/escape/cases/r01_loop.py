"""A loop without an end.

id: R1
canary: time
"""


def attack(target):
    while True:
        pass
