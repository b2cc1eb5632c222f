"""A loop that catches whatever would stop it.

id: R2
canary: time
"""


def attack(target):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
