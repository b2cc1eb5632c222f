"""An exception whose text never ends.

id: R11
canary: time
"""


class Endless(Exception):
    def __str__(self):
        while True:
            pass


def attack(target):
    raise Endless
