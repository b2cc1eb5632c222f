"""A shell through os.system, which stock Pyodide hands to Node.

id: S13
canary: file
"""

import os


def attack(target):
    return os.system(f"id > {target.loot}")
