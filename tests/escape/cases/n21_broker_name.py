"""A port of the machine by a name, through the platform's own fetch.

id: N21
canary: tcp
"""

import pic


async def attack(target):
    return (await pic.afetch(f"http://localhost:{target.tcp}/")).text()
