"""A TCP connection through node:net.

id: N2
canary: tcp
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("net").connect(target.tcp, "127.0.0.1")
    await asyncio.sleep(0.3)
