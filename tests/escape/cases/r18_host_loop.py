"""A loop in the host's own event loop: callbacks that call each other.

id: R18
canary: time
"""

import asyncio


async def attack(target):
    while True:
        await asyncio.sleep(0)
