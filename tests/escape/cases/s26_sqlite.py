"""A file written by node:sqlite, which asks nobody.

id: S26
canary: file
"""

import js


def attack(target):
    sqlite = js.process.getBuiltinModule("node:sqlite")
    return sqlite.DatabaseSync.new(target.loot).exec("CREATE TABLE loot (x)")
