"""An HTTP request through node:http.

id: N12
canary: tcp
"""

import asyncio

import js


async def attack(target):
    js.process.getBuiltinModule("http").get(f"http://127.0.0.1:{target.tcp}/")
    await asyncio.sleep(0.3)
