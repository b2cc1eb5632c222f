"""A datagram through node:dgram.

id: N3
canary: udp
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("dgram").createSocket("udp4").send("x", target.udp, "127.0.0.1")
    await asyncio.sleep(0.3)
