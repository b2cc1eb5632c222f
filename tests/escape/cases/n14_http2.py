"""An HTTP/2 session through node:http2.

id: N14
canary: tcp
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("http2").connect(f"http://127.0.0.1:{target.tcp}")
    await asyncio.sleep(0.3)
