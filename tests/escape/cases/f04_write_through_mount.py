"""A file of the host changed through mountNodeFS.

id: F4
canary: file
spoils: a mount
"""

import pyodide_js


def attack(target):
    pyodide_js.mountNodeFS("/h", target.directory)
    with open("/h/other", "w") as file:
        file.write("changed")
