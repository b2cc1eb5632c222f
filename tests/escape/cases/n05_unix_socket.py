"""A unix socket of a service on the machine.

id: N5
canary: unix
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("net").connect(target.unix)
    await asyncio.sleep(0.3)
