"""Loopback in every spelling a URL allows.

id: N22
canary: tcp
"""

import pic

SPELLINGS = ("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]")


async def attack(target):
    said = []
    for host in (*SPELLINGS, "①②⑦.0.0.1", "127.0.0.1."):
        try:
            said.append((await pic.afetch(f"http://{host}:{target.tcp}/")).text())
        except Exception as error:
            said.append(str(error))
    return said
