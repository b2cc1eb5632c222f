"""Files without number.

id: R16
canary: time
"""

import itertools


def attack(target):
    for number in itertools.count():
        open(f"/tmp/{number}", "w").close()
