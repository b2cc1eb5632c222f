"""A WebSocket to a port of the machine.

id: N8
canary: tcp
"""

import asyncio

import js


async def attack(target):
    js.WebSocket.new(f"ws://127.0.0.1:{target.tcp}/")
    await asyncio.sleep(0.5)
