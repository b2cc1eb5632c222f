"""Headers that name another host, another app and no hops.

id: N23
canary: tcp
"""

import pic


async def attack(target):
    headers = {"picloud-hops": "-1", "x-picloud-app": "neighbour", "forwarded": "for=127.0.0.1"}
    url = f"http://127.0.0.1:{target.tcp}/"
    return (await pic.afetch(url, method="POST", headers=headers)).text()
