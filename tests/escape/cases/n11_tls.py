"""A TLS connection through node:tls.

id: N11
canary: tcp
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("tls").connect(target.tcp, "127.0.0.1")
    await asyncio.sleep(0.3)
