"""A dynamic import of fs, from code made of a string.

id: S16
canary: secret
"""

import js


async def attack(target):
    module = await js.Function("return import('node:fs')")()
    return module.readFileSync(target.secret_file, "utf8")
