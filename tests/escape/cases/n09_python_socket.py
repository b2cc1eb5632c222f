"""Python's own socket, which Emscripten turns into a WebSocket.

id: N9
canary: tcp
"""

import asyncio
import socket


async def attack(target):
    connection = socket.socket()
    connection.setblocking(False)
    try:
        connection.connect(("127.0.0.1", target.tcp))
    except BlockingIOError:
        pass
    await asyncio.sleep(0.5)
