"""JSON so deep that the C stack ends.

id: R8
canary: death
"""

import json


def attack(target):
    return json.loads("[" * 10**6)
