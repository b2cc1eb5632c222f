"""A sleep of eleven days, which spins in stock Pyodide.

id: R3
canary: time
"""

import time


def attack(target):
    time.sleep(10**6)
