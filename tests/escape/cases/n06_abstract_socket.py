"""An abstract unix socket, which no file guards.

id: N6
canary: abstract
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("net").connect("\0" + target.abstract)
    await asyncio.sleep(0.3)
