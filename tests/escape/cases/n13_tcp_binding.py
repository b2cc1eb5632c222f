"""A TCP connection through Node's internal binding.

id: N13
canary: tcp
"""

import asyncio

import js


async def attack(target):
    wrap = js.process.binding("tcp_wrap")
    handle = wrap.TCP.new(wrap.constants.SOCKET)
    request = wrap.TCPConnectWrap.new()
    handle.connect(request, "127.0.0.1", target.tcp)
    await asyncio.sleep(0.3)
