"""A port of the machine, through the platform's own fetch.

id: N20
canary: tcp
"""

import pic


async def attack(target):
    return (await pic.afetch(f"http://127.0.0.1:{target.tcp}/")).text()
