"""An answer whose text never ends.

id: R17
canary: time
"""


class Endless:
    def __str__(self):
        while True:
            pass


def attack(target):
    return Endless()
