"""js.fetch to a port of the machine.

id: N1
canary: tcp
"""

import js


async def attack(target):
    return await js.fetch(f"http://127.0.0.1:{target.tcp}/")
