"""A port of the machine to listen on.

id: N7
canary: listen
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("net").createServer().listen(target.free_port, "127.0.0.1")
    await asyncio.sleep(0.3)
